# 32-bit ARM with a floating-point unit, Debian's armhf: ARMv7-A, VFPv3-D16, hard-float calls.
set(TRIBUTARY_TARGET armv7)
set(TRIBUTARY_TRIPLET arm-linux-gnueabihf)
set(TRIBUTARY_COMPILER_PACKAGE arm-linux-gnueabihf)
set(TRIBUTARY_QEMU qemu-arm-static)
set(CMAKE_SYSTEM_PROCESSOR armv7l)
include(${CMAKE_CURRENT_LIST_DIR}/debian.cmake)
