pkg_check_modules(MONGOC REQUIRED IMPORTED_TARGET libmongoc-1.0>=1.23)

tributary_test(test_mongodb_codec LABEL unit
  SOURCES mongodb_codec_test.cpp
  DEPENDS tributary_store_verbs PkgConfig::MONGOC)
