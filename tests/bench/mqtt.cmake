pkg_check_modules(MOSQUITTO REQUIRED IMPORTED_TARGET libmosquitto)
add_executable(bench_mqtt ${CMAKE_CURRENT_LIST_DIR}/mqtt_bench.cpp)
target_link_libraries(bench_mqtt PRIVATE tributary::ingest tributary_mosquitto_support PkgConfig::MOSQUITTO)
tributary_bench(bench_mqtt 10000 1 ${CMAKE_CURRENT_BINARY_DIR}/mqtt)
