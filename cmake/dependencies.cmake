# What the headers need. Included by the build and, once installed, by the package's config file.
if(NOT TARGET Threads::Threads)
  find_package(Threads REQUIRED)
endif()
find_package(nlohmann_json REQUIRED)
find_package(xtensor REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)

# oneDNN 2 (Debian 12) and 3 (Ubuntu 24.04) both export DNNL::dnnl; CXRNET_DNNL_ROOT names another installation.
if(NOT TARGET cxrnet_dnnl)
  find_path(CXRNET_DNNL_INCLUDE oneapi/dnnl/dnnl.hpp HINTS ${CXRNET_DNNL_ROOT}/include REQUIRED)
  find_library(CXRNET_DNNL_LIBRARY dnnl HINTS ${CXRNET_DNNL_ROOT}/lib REQUIRED)
  add_library(cxrnet_dnnl INTERFACE IMPORTED GLOBAL)
  set_target_properties(cxrnet_dnnl PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${CXRNET_DNNL_INCLUDE}" INTERFACE_LINK_LIBRARIES "${CXRNET_DNNL_LIBRARY}")
endif()
if(NOT TARGET cxrnet_stb)
  find_path(CXRNET_STB_INCLUDE stb_image.h PATH_SUFFIXES stb REQUIRED)
  add_library(cxrnet_stb INTERFACE IMPORTED GLOBAL)
  set_target_properties(cxrnet_stb PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${CXRNET_STB_INCLUDE}")
endif()
if(NOT TARGET cxrnet_hdf5)
  find_package(HDF5 REQUIRED COMPONENTS C)
  add_library(cxrnet_hdf5 INTERFACE IMPORTED GLOBAL)
  set_target_properties(cxrnet_hdf5 PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${HDF5_INCLUDE_DIRS}" INTERFACE_LINK_LIBRARIES "${HDF5_C_LIBRARIES}")
endif()
