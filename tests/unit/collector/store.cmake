pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3>=3.35)

tributary_test(test_store LABEL unit
  SOURCES canonical_member_test.cpp keyset_test.cpp sqlite_aggregate_test.cpp sqlite_layout_test.cpp
          sqlite_rollup_row_test.cpp sqlite_rollup_test.cpp sqlite_series_test.cpp
          sqlite_store_test.cpp
  DEPENDS tributary_store_verbs PkgConfig::SQLITE)
target_compile_definitions(test_store PRIVATE TRIBUTARY_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
