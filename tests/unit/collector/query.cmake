tributary_test(test_query LABEL unit
  SOURCES query_test.cpp query_stream_test.cpp query_fixture.cpp ../http/client.cpp
  DEPENDS tributary::api tributary_store_verbs)
