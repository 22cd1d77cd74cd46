# Included by the build, where CXRNET_CUDA asks for it, and by the package: where the CUDA Toolkit (12.4 or later) and cuDNN (9.8 or
# later) are, cxrnet::cudnn, what <cxrnet/backend/cuda/plan.hpp> needs, and cxrnet::cuda, what <cxrnet/backend/cuda/cuda_device.hpp> needs.
# The latter has a program compile kernels.cu along: the project enables the language CUDA. Where the Toolkit has nvJPEG too,
# cxrnet::nvjpeg, what <cxrnet/backend/cuda/nvjpeg.hpp> needs.
if(NOT TARGET cxrnet::cuda)
  find_package(CUDAToolkit 12.4 QUIET)
  find_path(CXRNET_CUDNN_INCLUDE cudnn_graph.h HINTS ${CUDAToolkit_INCLUDE_DIRS})
  find_library(CXRNET_CUDNN_LIBRARY cudnn HINTS ${CUDAToolkit_LIBRARY_DIR})
  find_path(CXRNET_INCLUDE cxrnet/backend/cuda/kernels.cu
            HINTS ${CMAKE_CURRENT_LIST_DIR}/../include ${PACKAGE_PREFIX_DIR}/include NO_CACHE)
  if(CUDAToolkit_FOUND AND CXRNET_CUDNN_INCLUDE AND CXRNET_CUDNN_LIBRARY)
    add_library(cxrnet::cudnn INTERFACE IMPORTED GLOBAL)
    set_target_properties(cxrnet::cudnn PROPERTIES
      INTERFACE_INCLUDE_DIRECTORIES "${CXRNET_CUDNN_INCLUDE}"
      INTERFACE_LINK_LIBRARIES "cxrnet::predict;${CXRNET_CUDNN_LIBRARY};CUDA::cudart_static")
    add_library(cxrnet::cuda INTERFACE IMPORTED GLOBAL)
    set_target_properties(cxrnet::cuda PROPERTIES
      INTERFACE_SOURCES "${CXRNET_INCLUDE}/cxrnet/backend/cuda/kernels.cu"
      INTERFACE_COMPILE_OPTIONS "$<$<COMPILE_LANGUAGE:CUDA>:-std=c++20;--expt-relaxed-constexpr>"  # CMake 3.25 takes nvcc 13's default for the standard
      INTERFACE_LINK_LIBRARIES cxrnet::cudnn)
    if(TARGET CUDA::nvjpeg)
      add_library(cxrnet::nvjpeg INTERFACE IMPORTED GLOBAL)
      set_target_properties(cxrnet::nvjpeg PROPERTIES INTERFACE_LINK_LIBRARIES "cxrnet::cuda;cxrnet::cxrnet;CUDA::nvjpeg")
    endif()
  endif()
endif()
