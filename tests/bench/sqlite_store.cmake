add_executable(bench_sqlite_store ${CMAKE_CURRENT_LIST_DIR}/sqlite_store_bench.cpp)
target_link_libraries(bench_sqlite_store PRIVATE tributary::store tributary::event tributary_bench_allocator)
tributary_bench(bench_sqlite_store ${CMAKE_CURRENT_BINARY_DIR}/sqlite_store 20000)
