# `cmake --install` puts the libraries, the headers, the tool and the package files where find_package(reagent) finds them.

include(CMakePackageConfigHelpers)
get_property(installed GLOBAL PROPERTY reagent_installed)
add_custom_target(reagent_installed DEPENDS ${installed})
install(EXPORT reagent_targets NAMESPACE reagent:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/reagent)
get_property(reagent_components GLOBAL PROPERTY reagent_components)
set(reagent_durable_modules sqlite3/sqlite3)
set(reagent_retrieve_modules xapian/xapian-core gumbo/gumbo zlib/zlib)
if(REAGENT_WITH_POSTGRES)
  list(APPEND reagent_durable_modules libpq/libpq)
  list(APPEND reagent_retrieve_modules libpq/libpq)
endif()
configure_package_config_file(cmake/reagent-config.cmake.in ${PROJECT_BINARY_DIR}/reagent-config.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/reagent)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/reagent-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/reagent-config.cmake ${PROJECT_BINARY_DIR}/reagent-config-version.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/reagent)
