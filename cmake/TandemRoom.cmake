# tandem_room(name DEPS target...): every foo.cc of the folder in one static library
# tandem_<name>, every foo_test.cc in one test program <name>_test whose cases are
# each an entry of ctest. TEST_DEPS are linked to the tests only.
function(tandem_room name)
  cmake_parse_arguments(room "" "" "DEPS;TEST_DEPS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS *.cc)
  file(GLOB tests CONFIGURE_DEPENDS *_test.cc)
  list(FILTER sources EXCLUDE REGEX "/main\\.cc$")  # a program's, which tests must not get
  if(tests)
    list(REMOVE_ITEM sources ${tests})
  endif()
  if(sources)
    add_library(tandem_${name} STATIC ${sources})
    target_link_libraries(tandem_${name} PUBLIC ${room_DEPS} Threads::Threads PRIVATE tandem_flags)
    target_include_directories(tandem_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  else()
    add_library(tandem_${name} INTERFACE)
    target_link_libraries(tandem_${name} INTERFACE ${room_DEPS} Threads::Threads)
    target_include_directories(tandem_${name} INTERFACE ${CMAKE_SOURCE_DIR}/src)
  endif()
  if(TANDEM_TESTS AND tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE
      tandem_${name} ${room_TEST_DEPS} tandem_flags GTest::gmock GTest::gtest_main)
    gtest_discover_tests(${name}_test TEST_PREFIX ${name}. DISCOVERY_TIMEOUT 60)
  endif()
endfunction()
