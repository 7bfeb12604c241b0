# Cross-builds for Windows on x64 with Clang, lld and Debian's MinGW-w64, and runs what it builds under Wine:
#
#   cmake -B build/native-windows --toolchain cmake/windows.cmake
#
# Not with its g++, which stores 32-byte vectors at addresses of the stack that are multiples of 16 (GCC bug 54412).
set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_SYSTEM_PROCESSOR AMD64)
if(NOT CMAKE_CXX_COMPILER)
  set(CMAKE_CXX_COMPILER clang++-19)
endif()
set(CMAKE_CXX_COMPILER_TARGET x86_64-w64-windows-gnu)
# No Windows has the libraries of this compiler: all of them are inside of what is built.
foreach(kind EXE MODULE)
  set(CMAKE_${kind}_LINKER_FLAGS_INIT "-fuse-ld=lld -static")
endforeach()
find_program(wine wine64 PATHS /usr/lib/wine)  # Debian has it outside of PATH
if(wine)
  set(CMAKE_CROSSCOMPILING_EMULATOR ${wine})
endif()
