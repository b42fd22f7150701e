# A database of its own for a test, on a real MongoDB.
pkg_check_modules(MONGOC REQUIRED IMPORTED_TARGET libmongoc-1.0>=1.23)
add_library(tributary_mongodb_database STATIC ${CMAKE_CURRENT_LIST_DIR}/mongodb_database.cpp)
target_link_libraries(tributary_mongodb_database
  PUBLIC tributary_build tributary::event tributary_test_services
  PRIVATE PkgConfig::MONGOC)
