#A database of its own for a test, on a real MongoDB.
pkg_check_modules(MONGOC REQUIRED IMPORTED_TARGET libmongoc - 1.0)
    add_library(tributary_mongodb_database STATIC ${CMAKE_CURRENT_LIST_DIR} / mongodb_database.cpp)
        target_link_libraries(tributary_mongodb_database PUBLIC tributary_build
                                  tributary::base tributary_test_services
                                      nlohmann_json::nlohmann_json PRIVATE PkgConfig::MONGOC)
