# `cmake --install`: the headers, and the package that find_package(cxrnet) finds.
set(package_folder "${CMAKE_INSTALL_DATADIR}/cmake/cxrnet")
install(DIRECTORY include/cxrnet DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.hpp" PATTERN "*.inl" PATTERN "*.cu")
install(TARGETS cxrnet cxrnet_predict EXPORT cxrnet-targets)
install(EXPORT cxrnet-targets NAMESPACE cxrnet:: DESTINATION "${package_folder}")
configure_package_config_file(cmake/cxrnet-config.cmake.in "${CMAKE_CURRENT_BINARY_DIR}/cxrnet-config.cmake"
                              INSTALL_DESTINATION "${package_folder}")
write_basic_package_version_file("${CMAKE_CURRENT_BINARY_DIR}/cxrnet-config-version.cmake"
                                 COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES cmake/dependencies.cmake cmake/compiled.cmake cmake/onnx.cmake cmake/cuda.cmake "${CMAKE_CURRENT_BINARY_DIR}/cxrnet-config.cmake"
              "${CMAKE_CURRENT_BINARY_DIR}/cxrnet-config-version.cmake"
        DESTINATION "${package_folder}")
