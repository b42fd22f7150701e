tributary_test(test_ingest LABEL unit
  SOURCES topic_map_test.cpp topic_members_test.cpp
  DEPENDS tributary::ingest)
