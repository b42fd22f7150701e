# What is MongoDB's own about the MongoDB store: indexes, refusals, plans, outages.
tributary_test(test_mongodb_store LABEL integration TIMEOUT 180
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/mongodb_fixture.cpp ${CMAKE_CURRENT_LIST_DIR}/mongodb_layout_test.cpp
          ${CMAKE_CURRENT_LIST_DIR}/mongodb_store_test.cpp ${CMAKE_CURRENT_LIST_DIR}/mongodb_plan_test.cpp
          ${CMAKE_CURRENT_LIST_DIR}/mongodb_outage_test.cpp
  DEPENDS tributary_store_verbs tributary_mongodb_database tributary_tcp_proxy)
