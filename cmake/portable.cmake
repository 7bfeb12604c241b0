# Binaries that are shipped (ANNEAL_PORTABLE): their C++ library and unwinder are inside, and of the C library they need what
# glibc 2.28 and musl have. What is not used is left out, and with it parts of the C++ library that ask for more.
if(WIN32)  # every Windows has msvcrt.dll, and cmake/windows.cmake links the rest statically
  function(anneal_portable target)
    target_link_options(${target} PRIVATE -s -Wl,--gc-sections -Wl,--no-insert-timestamp)
  endfunction()
  return()
elseif(APPLE)  # its C++ library is part of the system
  function(anneal_portable target)
    target_link_options(${target} PRIVATE -Wl,-dead_strip -Wl,-x)
  endfunction()
  return()
endif()

set(link_libraries ${CMAKE_BINARY_DIR}/link-libraries)
execute_process(COMMAND node ${CMAKE_SOURCE_DIR}/scripts/link-libraries.mjs ${CMAKE_CXX_COMPILER} ${link_libraries}
                COMMAND_ERROR_IS_FATAL ANY)
add_library(portable OBJECT native/portable.cc)

function(anneal_portable target)
  target_link_options(${target} PRIVATE -s -Wl,--gc-sections -nodefaultlibs -L${link_libraries} -Wl,--exclude-libs,ALL)
  # One item: CMake repeats single libraries at the end of the line, where they are shared ones.
  target_link_libraries(${target} PRIVATE portable
    -Wl,--no-as-needed,-Bstatic,-lstdc++,-lgcc_eh,-lgcc,-Bdynamic,-lm,-lpthread,-ldl,-lc)
endfunction()
