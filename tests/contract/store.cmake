# The contract of a store, on every store there is. The verbs serve the unit tests too.
add_library(tributary_store_verbs STATIC ${CMAKE_CURRENT_LIST_DIR}/store_verbs.cpp)
target_link_libraries(tributary_store_verbs
  PUBLIC tributary_build Catch2::Catch2 tributary::store tributary::event tributary_stream_verbs)

tributary_test(contract_sqlite_store LABEL contract
  SOURCES store_contract.cpp store_query_contract.cpp store_aggregate_contract.cpp store_series_contract.cpp
          store_sqlite.cpp
  DEPENDS tributary_store_verbs)

tributary_test(contract_mongodb_store LABEL integration
  SOURCES store_contract.cpp store_query_contract.cpp store_aggregate_contract.cpp store_series_contract.cpp
          store_mongodb.cpp
  DEPENDS tributary_store_verbs tributary_mongodb_database)

tributary_test(contract_postgresql_store LABEL integration
  SOURCES store_contract.cpp store_query_contract.cpp store_aggregate_contract.cpp store_series_contract.cpp
          store_postgresql.cpp
  DEPENDS tributary_store_verbs tributary_postgresql_database)
