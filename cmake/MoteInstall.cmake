# cmake --install: headers, the library, and a package for find_package(mote) that can be moved to another prefix.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(mote_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/mote)
install(TARGETS mote EXPORT moteTargets INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
foreach(component core nn cuda)
  install(DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}/${component}/include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
endforeach()
install(EXPORT moteTargets NAMESPACE mote:: DESTINATION ${mote_package_dir})

configure_package_config_file(cmake/moteConfig.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/moteConfig.cmake
                              INSTALL_DESTINATION ${mote_package_dir})
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/moteConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/moteConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/moteConfigVersion.cmake
        DESTINATION ${mote_package_dir})
install(FILES cmake/FindOneDNN.cmake cmake/FindHighway.cmake cmake/FindOpenBLAS.cmake
        DESTINATION ${mote_package_dir}/modules)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
