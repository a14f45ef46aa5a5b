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
find_package(PkgConfig REQUIRED)
pkg_check_modules(utf8proc REQUIRED IMPORTED_TARGET libutf8proc)
pkg_check_modules(idn2 REQUIRED IMPORTED_TARGET libidn2)
pkg_check_modules(pcre2 REQUIRED IMPORTED_TARGET libpcre2-8)
pkg_check_modules(zlib REQUIRED IMPORTED_TARGET zlib)
# What the core does not need. Libraries that do are left out where one of these is off, and what links them; configuring says which.
option(REAGENT_WITH_EXPAT "adapter::xml (reagent::xml)" ON)
option(REAGENT_WITH_SPDLOG "Log lines and telemetry (reagent::observe), the command line tool" ON)
option(REAGENT_WITH_SQLITE "Runs and caches in SQLite files (reagent::durable); reagent::tools" ON)
option(REAGENT_WITH_POSTGRES "Runs in PostgreSQL (a part of reagent::durable); reagent::tools" ON)
option(REAGENT_WITH_XAPIAN "Search by words (reagent::retrieve, and ready::document_search of reagent::tools)" ON)
option(REAGENT_WITH_RETRIEVE "Indexes and retrievers (reagent::retrieve), on hnswlib, gumbo and Xapian" ON)
option(REAGENT_WITH_CSV "reagent::evaluate" ON)
option(REAGENT_WITH_SECCOMP "reagent::sandbox" ON)
if(REAGENT_WITH_SPDLOG)
  find_package(spdlog REQUIRED)
endif()
foreach(dependency EXPAT/expat/expat SQLITE/sqlite3/sqlite3 POSTGRES/libpq/libpq XAPIAN/xapian/xapian-core SECCOMP/seccomp/libseccomp
    RETRIEVE/gumbo/gumbo)
  string(REPLACE "/" ";" dependency ${dependency})
  list(GET dependency 0 option)
  list(GET dependency 1 target)
  list(GET dependency 2 module)
  if(REAGENT_WITH_${option})
    pkg_check_modules(${target} REQUIRED IMPORTED_TARGET ${module})
  endif()
endforeach()

if(REAGENT_WITH_RETRIEVE)
  find_path(HNSWLIB_INCLUDE_DIR hnswlib/hnswlib.h REQUIRED)
endif()

# reagent_with(NAME RESULT needed...): whether all that NAME needs (options, targets) is there; says what is not.
function(reagent_with name result)
  set(missing)
  foreach(needed ${ARGN})
    if(NOT TARGET ${needed} AND NOT ${needed})
      list(APPEND missing ${needed})
    endif()
  endforeach()
  if(missing)
    list(JOIN missing ", " missing)
    message(STATUS "without ${name}, which needs ${missing}")
    set(${result} OFF PARENT_SCOPE)
  else()
    set(${result} ON PARENT_SCOPE)
  endif()
endfunction()

add_library(reagent_build_options INTERFACE)
target_compile_options(reagent_build_options INTERFACE -Wall -Wextra -Wpedantic -Werror
  $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized -Wno-restrict -Wno-array-bounds -Wno-stringop-overread -Wno-stringop-overflow -Wno-mismatched-new-delete>  # g++ 12 reports these inside its own library
  $<$<CXX_COMPILER_ID:GNU>:-fcoroutines -Wshadow=local>
  $<$<CXX_COMPILER_ID:Clang>:-Wno-missing-field-initializers -Wno-undefined-var-template -Wno-undefined-internal -Wno-string-concatenation -Wno-unknown-warning-option -Wno-deprecated-declarations>)
if(REAGENT_SANITIZE)
  target_compile_options(reagent_build_options INTERFACE -fsanitize=${REAGENT_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(reagent_build_options INTERFACE -fsanitize=${REAGENT_SANITIZE})
  if(REAGENT_SANITIZE MATCHES undefined)
    # Both are asked at every access and double a program's size; the address sanitizer sees a null that is read
    target_compile_options(reagent_build_options INTERFACE -fno-sanitize=null,alignment)
  endif()
  if(REAGENT_SANITIZE MATCHES thread AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(reagent_build_options INTERFACE -Wno-tsan)  # Asio's fences, which the sanitizer does not see
  endif()
endif()
find_program(REAGENT_MOLD mold)
if(REAGENT_MOLD)
  target_link_options(reagent_build_options INTERFACE -fuse-ld=mold)
endif()

# reagent_library(NAME [FOLDERS under-src...] [DEPENDS public...] [PRIVATE private...]): the library `reagent::NAME` from include/ and src/,
# or from some folders of src/.
function(reagent_library name)
  cmake_parse_arguments(arg "" "" "FOLDERS;DEPENDS;PRIVATE" ${ARGN})
  if(arg_FOLDERS)
    list(TRANSFORM arg_FOLDERS REPLACE "(.+)" "${CMAKE_CURRENT_SOURCE_DIR}/src/\\1/*.cpp" OUTPUT_VARIABLE patterns)
  else()
    set(patterns ${CMAKE_CURRENT_SOURCE_DIR}/src/*.cpp)
  endif()
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${patterns})
  add_library(reagent_${name} STATIC ${sources})
  add_library(reagent::${name} ALIAS reagent_${name})
  set_target_properties(reagent_${name} PROPERTIES EXPORT_NAME ${name} POSITION_INDEPENDENT_CODE ON)
  target_include_directories(reagent_${name}
    PUBLIC $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
    PRIVATE src)
  target_compile_features(reagent_${name} PUBLIC cxx_std_20)
  target_link_libraries(reagent_${name} PUBLIC ${arg_DEPENDS} PRIVATE $<BUILD_INTERFACE:reagent_build_options> ${arg_PRIVATE})
  reagent_export(${name})
  install(DIRECTORY include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.hpp")
  if(REAGENT_UNITY)
    reagent_unite(reagent_${name})
  endif()
endfunction()

# Compiles the files of a folder as one, in half of the time: for the sanitizers, whose builds nobody ships. Files that call things of their
# own as others of their folder do are compiled alone.
set(reagent_alone adapter/chat adapter/json adapter/xml base/read_file evaluate/report journal/recorded_request journal/recorded_text
  journal/journal_record lm/embedder lm/providers/[a-z_]+ module/predictors module/saved_program optimize/proposer schema/unambiguous
  retrieve/remote/qdrant store/sessions sql/policy cli/src/runs cli/src/sql offline/src/plan_words offline/src/question agents/src/written_calls agents/src/markers agents/src/multi_hop agents/src/quotes
  watch/traffic_store watch/traffic_tables cli/src/traffic cli/src/watch)
function(reagent_unite target)
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
  target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
  get_target_property(sources ${target} SOURCES)
  foreach(source ${sources})
    get_filename_component(folder ${source} DIRECTORY)
    file(RELATIVE_PATH group ${CMAKE_CURRENT_SOURCE_DIR} ${folder})
    string(MAKE_C_IDENTIFIER ${group} group)
    set_source_files_properties(${source} PROPERTIES UNITY_GROUP ${group})
    foreach(name ${reagent_alone})
      if(source MATCHES "/${name}[.]cpp$")
        set_source_files_properties(${source} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
      endif()
    endforeach()
  endforeach()
endfunction()

# Installs a library that is there, as the component NAME of the package.
function(reagent_export name)
  install(TARGETS reagent_${name} EXPORT reagent_targets)
  set_property(GLOBAL APPEND PROPERTY reagent_installed reagent_${name})
  set_property(GLOBAL APPEND PROPERTY reagent_components ${name})
endfunction()
