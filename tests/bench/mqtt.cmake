pkg_check_modules(MOSQUITTO REQUIRED IMPORTED_TARGET libmosquitto)
add_library(tributary_bench_mqtt_load STATIC ${CMAKE_CURRENT_LIST_DIR}/mqtt_load.cpp)
target_link_libraries(tributary_bench_mqtt_load PUBLIC tributary::ingest tributary_build PkgConfig::MOSQUITTO)

add_executable(bench_mqtt ${CMAKE_CURRENT_LIST_DIR}/mqtt_bench.cpp)
target_link_libraries(bench_mqtt PRIVATE tributary_bench_allocator tributary_bench_mqtt_load tributary_mosquitto_support)
tributary_bench(bench_mqtt 10000 1 ${CMAKE_CURRENT_BINARY_DIR}/mqtt)
