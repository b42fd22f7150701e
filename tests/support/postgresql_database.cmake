# A database of its own for a test, on a real PostgreSQL.
pkg_check_modules(PQ REQUIRED IMPORTED_TARGET libpq>=14)
add_library(tributary_postgresql_database STATIC ${CMAKE_CURRENT_LIST_DIR}/postgresql_database.cpp)
target_link_libraries(tributary_postgresql_database
  PUBLIC tributary_build tributary::base tributary_test_services
  PRIVATE PkgConfig::PQ)
