find_package(fmt REQUIRED)
find_package(restinio REQUIRED)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(MONGOC REQUIRED IMPORTED_TARGET libmongoc-1.0)

add_executable(bare_http ${CMAKE_CURRENT_LIST_DIR}/bare_http.cpp)
target_link_libraries(bare_http PRIVATE tributary_build restinio::restinio)
add_executable(bare_query ${CMAKE_CURRENT_LIST_DIR}/bare_query.cpp)
target_link_libraries(bare_query PRIVATE tributary_build PkgConfig::SQLITE PkgConfig::MONGOC)

# The figures of queries and of ingest under wrk; here a short form of them.
foreach(part ingest sqlite mongodb)
  add_test(NAME "bench_front_door ${part}"
           COMMAND /usr/bin/python3 -B ${CMAKE_CURRENT_LIST_DIR}/front_door.py ${part}
                   --events 20000 --sensors 200 --seconds 1)
  set_tests_properties("bench_front_door ${part}" PROPERTIES LABELS bench TIMEOUT 120 RUN_SERIAL ON
    ENVIRONMENT "TRIBUTARY_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
endforeach()
