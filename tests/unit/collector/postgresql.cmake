tributary_test(test_postgresql LABEL unit
  SOURCES postgresql_codec_test.cpp postgresql_error_test.cpp postgresql_layout_test.cpp
          postgresql_target_test.cpp
  DEPENDS tributary_store_verbs)
target_compile_definitions(test_postgresql PRIVATE TRIBUTARY_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
