# Warnings and sanitizers for our own targets only; generated code links without them.
# Designated initialisers leave fields at their defaults on purpose.
add_library(tandem_flags INTERFACE)
target_compile_options(tandem_flags INTERFACE
  -Wall -Wextra -Wno-missing-field-initializers -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Wold-style-cast)
target_include_directories(tandem_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_compile_options(tandem_flags INTERFACE -Wthread-safety)
endif()

# Instrumented code makes gcc 12 warn of variables that are never read uninitialised.
if(NOT TANDEM_SANITIZE)
  target_compile_options(tandem_flags INTERFACE -Werror)
endif()

if(TANDEM_SANITIZE)
  add_compile_options(-fsanitize=${TANDEM_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${TANDEM_SANITIZE})
endif()

find_program(TANDEM_CCACHE ccache)
if(TANDEM_CCACHE)
  # Another clone or work tree of the same sources finds the objects of this one.
  set(CMAKE_CXX_COMPILER_LAUNCHER
    ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${TANDEM_CCACHE})
endif()
find_program(TANDEM_MOLD mold)
if(TANDEM_MOLD)
  add_link_options(-fuse-ld=mold)
endif()
