# The contract of a stream, on every stream there is. The verbs serve the unit tests too.
add_library(tributary_stream_verbs STATIC ${CMAKE_CURRENT_LIST_DIR}/stream_verbs.cpp)
target_link_libraries(tributary_stream_verbs PUBLIC tributary_build Catch2::Catch2 tributary::stream)

tributary_test(contract_embedded_stream LABEL contract
  SOURCES stream_contract.cpp stream_embedded.cpp
  DEPENDS tributary_stream_verbs)

tributary_test(contract_kafka_stream LABEL integration TIMEOUT 180
  SOURCES stream_contract.cpp stream_kafka.cpp
  DEPENDS tributary_kafka_fixture)
