tributary_fuzz_target(log_recovery "whatever bytes a log's files have, it opens and keeps what it read"
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/log_recovery_fuzz.cpp
  DEPENDS tributary::log tributary_memory_file_system)
