add_library(tributary_log_truth STATIC ${CMAKE_CURRENT_LIST_DIR}/log_truth.cpp)
target_link_libraries(tributary_log_truth
  PUBLIC tributary::log tributary_memory_file_system Catch2::Catch2)

if(CMAKE_CROSSCOMPILING) # every seventh crash point: emulated processors are slow
  tributary_test(test_log_crash LABEL fault TIMEOUT 400
    SOURCES ${CMAKE_CURRENT_LIST_DIR}/log_crash_test.cpp DEPENDS tributary_log_truth)
  target_compile_definitions(test_log_crash PRIVATE TRIBUTARY_CRASH_STRIDE=7)
  return()
endif()
foreach(part crash damage disk model)
  tributary_test(test_log_${part} LABEL fault TIMEOUT 400
    SOURCES ${CMAKE_CURRENT_LIST_DIR}/log_${part}_test.cpp
    DEPENDS tributary_log_truth)
endforeach()
