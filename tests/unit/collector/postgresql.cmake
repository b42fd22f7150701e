tributary_test(test_postgresql LABEL unit
  SOURCES postgresql_target_test.cpp
  DEPENDS tributary_store_verbs)
