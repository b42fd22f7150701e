pkg_check_modules(RDKAFKA REQUIRED IMPORTED_TARGET rdkafka)
tributary_test(test_kafka LABEL unit
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/kafka_fault_test.cpp ${CMAKE_CURRENT_LIST_DIR}/kafka_options_test.cpp
          ${CMAKE_CURRENT_LIST_DIR}/kafka_turn_test.cpp
  DEPENDS tributary_stream_verbs PkgConfig::RDKAFKA)
