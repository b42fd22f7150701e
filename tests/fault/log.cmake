foreach(part crash model)
  if(EXISTS ${CMAKE_CURRENT_LIST_DIR}/log_${part}_test.cpp)
    tributary_test(test_log_${part} LABEL fault TIMEOUT 400
      SOURCES ${CMAKE_CURRENT_LIST_DIR}/log_${part}_test.cpp
      DEPENDS tributary::log tributary_memory_file_system)
  endif()
endforeach()
