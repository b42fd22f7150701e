# The programs and real services, from outside. Each test function of the *_test.py files is a test of
# ctest, `end to end: sentence`; its name is the sentence.
file(GLOB end_to_end_files CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*_test.py)
foreach(file ${end_to_end_files})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  file(STRINGS ${file} definitions REGEX "^def test_")
  set(label integration)
  if(file MATCHES "/cross_test\\.py$")
    set(label cross)
  endif()
  foreach(definition ${definitions})
    string(REGEX REPLACE "^def test_([a-z0-9_]+).*" "\\1" case ${definition})
    string(REPLACE "_" " " sentence ${case})
    # Debian's Python: the one that Debian's pytest and paho belong to.
    add_test(NAME "end to end: ${sentence}"
             COMMAND /usr/bin/python3 -B -m pytest -p no:cacheprovider --quiet -rs --tb=short ${file}::test_${case})
    set_tests_properties("end to end: ${sentence}" PROPERTIES
      LABELS ${label} TIMEOUT 240 SKIP_RETURN_CODE 5
      ENVIRONMENT "TRIBUTARY_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
  endforeach()
endforeach()
