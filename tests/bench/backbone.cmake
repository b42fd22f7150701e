pkg_check_modules(RDKAFKA REQUIRED IMPORTED_TARGET rdkafka)
pkg_check_modules(MONGOC REQUIRED IMPORTED_TARGET libmongoc-1.0)
pkg_check_modules(PQ REQUIRED IMPORTED_TARGET libpq>=14)

add_executable(bench_ingest_kafka ${CMAKE_CURRENT_LIST_DIR}/ingest_kafka_bench.cpp)
target_link_libraries(bench_ingest_kafka PRIVATE tributary_bench_allocator tributary_bench_mqtt_load tributary_mosquitto_support
                      tributary_test_services PkgConfig::RDKAFKA)
tributary_bench(bench_ingest_kafka 10000 1)

add_library(tributary_bench_persist_chain STATIC ${CMAKE_CURRENT_LIST_DIR}/persist_chain.cpp)
target_link_libraries(tributary_bench_persist_chain PUBLIC tributary_bench_mqtt_load tributary_test_services)

add_executable(bench_persist ${CMAKE_CURRENT_LIST_DIR}/persist_bench.cpp)
target_link_libraries(bench_persist PRIVATE tributary_bench_persist_chain PkgConfig::MONGOC)
tributary_bench(bench_persist $<TARGET_FILE:tributary-collector> 20000 1)

add_executable(bench_persist_postgresql ${CMAKE_CURRENT_LIST_DIR}/persist_postgresql_bench.cpp)
target_link_libraries(bench_persist_postgresql PRIVATE tributary_bench_persist_chain tributary_postgresql_database PkgConfig::PQ)
tributary_bench(bench_persist_postgresql $<TARGET_FILE:tributary-collector> 20000 1)
