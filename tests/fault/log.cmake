add_library(tributary_log_truth STATIC ${CMAKE_CURRENT_LIST_DIR}/log_truth.cpp)
target_link_libraries(tributary_log_truth
  PUBLIC tributary::log tributary_memory_file_system Catch2::Catch2)

foreach(part crash damage disk model)
  tributary_test(test_log_${part} LABEL fault TIMEOUT 400
    SOURCES ${CMAKE_CURRENT_LIST_DIR}/log_${part}_test.cpp
    DEPENDS tributary_log_truth)
endforeach()
