# Writes build.h, what version.cpp says of this build, when that has changed. Run at each build: a commit
# doesn't touch any file of the source. Takes SOURCE, FILE, VERSION, BUILD, COMMIT (empty: git is asked).
# An unpacked source may lie in somebody's repository.
if(NOT COMMIT AND EXISTS ${SOURCE}/.git)
  execute_process(COMMAND git -C ${SOURCE} describe --always --dirty --abbrev=12 --exclude=*
                  OUTPUT_VARIABLE COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
if(NOT COMMIT)
  set(COMMIT unknown)
endif()
file(CONFIGURE OUTPUT ${FILE} CONTENT [[
#pragma once
#define TRIBUTARY_VERSION "@VERSION@"
#define TRIBUTARY_COMMIT "@COMMIT@"
#define TRIBUTARY_BUILD "@BUILD@"
]] @ONLY)
