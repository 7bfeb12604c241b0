# Cross-builds for 64-bit ARM with Debian's compiler and runs what it builds under qemu-user:
#
#   cmake -B build/native-neon --toolchain cmake/aarch64.cmake
#   -DCMAKE_CXX_COMPILER=clang++-19   Clang in place of g++, with the same libraries
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
if(NOT CMAKE_CXX_COMPILER)
  set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
endif()
set(CMAKE_CXX_COMPILER_TARGET aarch64-linux-gnu)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L /usr/aarch64-linux-gnu)
