add_executable(bench_log ${CMAKE_CURRENT_LIST_DIR}/log_bench.cpp)
target_link_libraries(bench_log PRIVATE tributary::log)
tributary_bench(bench_log ${CMAKE_CURRENT_BINARY_DIR}/log)
