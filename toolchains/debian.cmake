# Cross-compiling with Debian's compilers, or the user's own. Included by aarch64.cmake and armv7.cmake,
# which set TRIBUTARY_TARGET (the sysroot's name), TRIBUTARY_TRIPLET and TRIBUTARY_QEMU.
#
#   TRIBUTARY_SYSROOT   a sysroot of one's own (Yocto, Buildroot), as a variable of CMake or of the environment. Without it
#                       build/sysroot/<target> is used, and made when it is missing (make_sysroot).
#   CXX                 its compiler, when it isn't Debian's: g++ 12 or later.
set(CMAKE_SYSTEM_NAME Linux)

if(NOT TRIBUTARY_SYSROOT)
  set(TRIBUTARY_SYSROOT "$ENV{TRIBUTARY_SYSROOT}")
endif()
if(NOT TRIBUTARY_SYSROOT)
  get_filename_component(TRIBUTARY_SYSROOT ${CMAKE_CURRENT_LIST_DIR}/../build/sysroot/${TRIBUTARY_TARGET} ABSOLUTE)
  if(NOT DEFINED ENV{TRIBUTARY_SYSROOT_MADE})
    execute_process(COMMAND ${CMAKE_CURRENT_LIST_DIR}/make_sysroot ${TRIBUTARY_TARGET} RESULT_VARIABLE failed)
    if(failed)
      message(FATAL_ERROR "There is no sysroot for ${TRIBUTARY_TARGET}: see above")
    endif()
    set(ENV{TRIBUTARY_SYSROOT_MADE} 1) # CMake reads this file several times
  endif()
endif()
if(TRIBUTARY_SYSROOT MATCHES " ")
  message(FATAL_ERROR "The sysroot's path has a space in it, which pkg-config can't take: ${TRIBUTARY_SYSROOT}")
endif()
if(NOT IS_DIRECTORY ${TRIBUTARY_SYSROOT}/usr/include)
  message(FATAL_ERROR "TRIBUTARY_SYSROOT: ${TRIBUTARY_SYSROOT} has no usr/include: it must be the folder that holds the target's usr/ and lib/")
endif()
set(TRIBUTARY_SYSROOT ${TRIBUTARY_SYSROOT} CACHE PATH "Headers and libraries of the target")
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES TRIBUTARY_SYSROOT)
set(CMAKE_SYSROOT ${TRIBUTARY_SYSROOT})

if(NOT CMAKE_CXX_COMPILER AND NOT DEFINED ENV{CXX})
  set(CMAKE_CXX_COMPILER ${TRIBUTARY_TRIPLET}-g++)
  find_program(tributary_compiler ${CMAKE_CXX_COMPILER})
  if(NOT tributary_compiler)
    message(FATAL_ERROR "${CMAKE_CXX_COMPILER} is missing: apt-get install g++-${TRIBUTARY_COMPILER_PACKAGE}")
  endif()
  # Debian's cross compilers look into their own glibc before the sysroot's: with an older one there the
  # programs would ask for functions that the gateway doesn't have.
  file(STRINGS ${TRIBUTARY_SYSROOT}/usr/include/features.h minor REGEX "^#define[ \t]+__GLIBC_MINOR__")
  if(NOT minor MATCHES "([0-9]+)$" OR CMAKE_MATCH_1 LESS 36)
    message(FATAL_ERROR "The sysroot ${TRIBUTARY_SYSROOT} has another C library than glibc 2.36 or later, which Debian's ${CMAKE_CXX_COMPILER} "
                        "builds for: give the compiler that belongs to it by CXX")
  endif()
endif()

set(CMAKE_FIND_ROOT_PATH ${TRIBUTARY_SYSROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${TRIBUTARY_SYSROOT})
set(ENV{PKG_CONFIG_PATH} "")
set(ENV{PKG_CONFIG_LIBDIR}
    ${TRIBUTARY_SYSROOT}/usr/lib/${TRIBUTARY_TRIPLET}/pkgconfig:${TRIBUTARY_SYSROOT}/usr/lib/pkgconfig:${TRIBUTARY_SYSROOT}/usr/share/pkgconfig)

find_program(TRIBUTARY_EMULATOR ${TRIBUTARY_QEMU})
if(TRIBUTARY_EMULATOR)
  set(CMAKE_CROSSCOMPILING_EMULATOR ${TRIBUTARY_EMULATOR};-L;${TRIBUTARY_SYSROOT})
endif()
