tributary_test(test_query LABEL unit
  SOURCES query_test.cpp query_stream_test.cpp query_fixture.cpp aggregate_call_test.cpp csv_test.cpp live_test.cpp ../http/client.cpp
  DEPENDS tributary::api tributary_store_verbs)
