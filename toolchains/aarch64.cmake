# 64-bit ARM: Raspberry Pi 3 and later with a 64-bit system, and most newer gateways.
set(TRIBUTARY_TARGET aarch64)
set(TRIBUTARY_TRIPLET aarch64-linux-gnu)
set(TRIBUTARY_COMPILER_PACKAGE aarch64-linux-gnu)
set(TRIBUTARY_QEMU qemu-aarch64-static)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
include(${CMAKE_CURRENT_LIST_DIR}/debian.cmake)
