pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3>=3.35)

tributary_test(test_store LABEL unit
  SOURCES keyset_test.cpp sqlite_layout_test.cpp sqlite_store_test.cpp
  DEPENDS tributary_store_verbs PkgConfig::SQLITE)
