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
# libjpeg-turbo, by the names of every libjpeg; Debian packages libdeflate 1.14 without a CMake package.
if(NOT TARGET cxrnet_jpeg)
  find_path(CXRNET_JPEG_INCLUDE jpeglib.h REQUIRED)
  find_library(CXRNET_JPEG_LIBRARY jpeg REQUIRED)
  add_library(cxrnet_jpeg INTERFACE IMPORTED GLOBAL)
  set_target_properties(cxrnet_jpeg PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${CXRNET_JPEG_INCLUDE}" INTERFACE_LINK_LIBRARIES "${CXRNET_JPEG_LIBRARY}")
endif()
if(NOT TARGET cxrnet_deflate)
  find_path(CXRNET_DEFLATE_INCLUDE libdeflate.h REQUIRED)
  find_library(CXRNET_DEFLATE_LIBRARY deflate REQUIRED)
  add_library(cxrnet_deflate INTERFACE IMPORTED GLOBAL)
  set_target_properties(cxrnet_deflate PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${CXRNET_DEFLATE_INCLUDE}" INTERFACE_LINK_LIBRARIES "${CXRNET_DEFLATE_LIBRARY}")
endif()
# Not find_package(HDF5), which only works in projects that have C enabled. Debian's serial build is hdf5_serial.
if(NOT TARGET cxrnet_hdf5)
  find_path(CXRNET_HDF5_INCLUDE hdf5.h PATH_SUFFIXES hdf5/serial REQUIRED)
  find_library(CXRNET_HDF5_LIBRARY NAMES hdf5_serial hdf5 REQUIRED)
  add_library(cxrnet_hdf5 INTERFACE IMPORTED GLOBAL)
  set_target_properties(cxrnet_hdf5 PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${CXRNET_HDF5_INCLUDE}" INTERFACE_LINK_LIBRARIES "${CXRNET_HDF5_LIBRARY}")
endif()
# Not find_package(libzip): Debian's refers to programs of packages that libzip-dev does not bring.
if(NOT TARGET cxrnet_zip)
  find_path(CXRNET_ZIP_INCLUDE zip.h REQUIRED)
  find_library(CXRNET_ZIP_LIBRARY zip REQUIRED)
  add_library(cxrnet_zip INTERFACE IMPORTED GLOBAL)
  set_target_properties(cxrnet_zip PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${CXRNET_ZIP_INCLUDE}" INTERFACE_LINK_LIBRARIES "${CXRNET_ZIP_LIBRARY}")
endif()
