tributary_fuzz_target(codec "whatever bytes an event has, its verdict, key and hash are always the same"
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/codec_fuzz.cpp
  DEPENDS tributary::event)
