tributary_test(test_stream_disk LABEL fault TIMEOUT 400
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/stream_disk_test.cpp
  DEPENDS tributary_stream_verbs tributary_memory_file_system)
