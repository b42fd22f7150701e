# The Kafka stream on a real Kafka.
pkg_check_modules(RDKAFKA REQUIRED IMPORTED_TARGET rdkafka)
add_library(tributary_kafka_fixture STATIC ${CMAKE_CURRENT_LIST_DIR}/kafka_fixture.cpp)
target_link_libraries(tributary_kafka_fixture
  PUBLIC tributary_stream_verbs tributary_test_services PRIVATE PkgConfig::RDKAFKA)

tributary_test(test_kafka_stream LABEL integration TIMEOUT 180
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/kafka_stream_test.cpp
  DEPENDS tributary_kafka_fixture tributary_tcp_proxy)
# librdkafka's macros.
set_source_files_properties(${CMAKE_CURRENT_LIST_DIR}/kafka_fixture.cpp PROPERTIES
  COMPILE_OPTIONS $<$<CXX_COMPILER_ID:Clang>:-Wno-gnu-statement-expression-from-macro-expansion>)
