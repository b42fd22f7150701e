# What is PostgreSQL's own about the PostgreSQL store: tables that others made, refusals, plans, outages.
tributary_test(test_postgresql_store LABEL integration TIMEOUT 180
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/postgresql_fixture.cpp ${CMAKE_CURRENT_LIST_DIR}/postgresql_table_test.cpp
          ${CMAKE_CURRENT_LIST_DIR}/postgresql_store_test.cpp ${CMAKE_CURRENT_LIST_DIR}/postgresql_plan_test.cpp
          ${CMAKE_CURRENT_LIST_DIR}/postgresql_outage_test.cpp
  DEPENDS tributary_store_verbs tributary_postgresql_database tributary_tcp_proxy)
