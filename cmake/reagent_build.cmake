# What every target of the project shares: the standard, warnings, sanitizers, ccache, and a function that makes a library.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(PROJECT_IS_TOP_LEVEL)
  set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
endif()
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release)
endif()

find_program(REAGENT_CCACHE ccache)
if(REAGENT_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Precompiled headers and ccache get along only with this leniency (ccache manual, "Precompiled headers").
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${REAGENT_CCACHE})
endif()

include(GNUInstallDirs)
find_package(Boost 1.74 REQUIRED COMPONENTS json regex url)
find_package(OpenSSL REQUIRED)
find_package(Threads REQUIRED)
find_package(spdlog REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(utf8proc REQUIRED IMPORTED_TARGET libutf8proc)
pkg_check_modules(idn2 REQUIRED IMPORTED_TARGET libidn2)
pkg_check_modules(pcre2 REQUIRED IMPORTED_TARGET libpcre2-8)
pkg_check_modules(expat REQUIRED IMPORTED_TARGET expat)
pkg_check_modules(zlib REQUIRED IMPORTED_TARGET zlib)
pkg_check_modules(sqlite3 REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(libpq REQUIRED IMPORTED_TARGET libpq)

add_library(reagent_build_options INTERFACE)
target_compile_options(reagent_build_options INTERFACE -Wall -Wextra -Wpedantic -Werror
  $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized -Wno-restrict -Wno-array-bounds -Wno-stringop-overread -Wno-stringop-overflow -Wno-mismatched-new-delete>  # g++ 12 reports these inside its own library
  $<$<CXX_COMPILER_ID:GNU>:-fcoroutines -Wshadow=local>
  $<$<CXX_COMPILER_ID:Clang>:-Wno-missing-field-initializers -Wno-undefined-var-template -Wno-unknown-warning-option -Wno-deprecated-declarations>)
if(REAGENT_SANITIZE)
  target_compile_options(reagent_build_options INTERFACE -fsanitize=${REAGENT_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(reagent_build_options INTERFACE -fsanitize=${REAGENT_SANITIZE})
  if(REAGENT_SANITIZE MATCHES thread AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(reagent_build_options INTERFACE -Wno-tsan)  # Asio's fences, which the sanitizer does not see
  endif()
endif()
find_program(REAGENT_MOLD mold)
if(REAGENT_MOLD)
  target_link_options(reagent_build_options INTERFACE -fuse-ld=mold)
endif()

# reagent_library(NAME [DEPENDS public...] [PRIVATE private...]): the library `reagent::NAME` from include/ and src/.
function(reagent_library name)
  cmake_parse_arguments(arg "" "" "DEPENDS;PRIVATE" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/src/*.cpp)
  add_library(reagent_${name} STATIC ${sources})
  add_library(reagent::${name} ALIAS reagent_${name})
  set_target_properties(reagent_${name} PROPERTIES EXPORT_NAME ${name} POSITION_INDEPENDENT_CODE ON)
  target_include_directories(reagent_${name}
    PUBLIC $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
    PRIVATE src)
  target_compile_features(reagent_${name} PUBLIC cxx_std_20)
  target_link_libraries(reagent_${name} PUBLIC ${arg_DEPENDS} PRIVATE $<BUILD_INTERFACE:reagent_build_options> ${arg_PRIVATE})
  install(TARGETS reagent_${name} EXPORT reagent_targets)
  set_property(GLOBAL APPEND PROPERTY reagent_installed reagent_${name})
  install(DIRECTORY include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.hpp")
endfunction()
