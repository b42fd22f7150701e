tributary_test(test_embedded_stream LABEL unit
  SOURCES replay_marks_test.cpp embedded_stream_test.cpp embedded_disk_test.cpp embedded_account_test.cpp embedded_totals_test.cpp
          embedded_crash_test.cpp
  DEPENDS tributary_stream_verbs tributary_held_file_system tributary_memory_file_system)
