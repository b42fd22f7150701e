add_executable(bench_event ${CMAKE_CURRENT_SOURCE_DIR}/event_bench.cpp)
target_link_libraries(bench_event PRIVATE tributary::event)
tributary_bench(bench_event 1)
