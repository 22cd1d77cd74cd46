# cxrnet::cuda, what <cxrnet/backend/cuda/...> needs: there where the CUDA Toolkit and cuDNN 9 are. Included by the build, where
# CXRNET_CUDA asks for it, and by the package.
if(NOT TARGET cxrnet::cuda)
  find_package(CUDAToolkit 12.4 QUIET)
  find_path(CXRNET_CUDNN_INCLUDE cudnn_graph.h HINTS ${CUDAToolkit_INCLUDE_DIRS})
  find_library(CXRNET_CUDNN_LIBRARY cudnn HINTS ${CUDAToolkit_LIBRARY_DIR})
  if(CUDAToolkit_FOUND AND CXRNET_CUDNN_INCLUDE AND CXRNET_CUDNN_LIBRARY)
    add_library(cxrnet::cuda INTERFACE IMPORTED GLOBAL)
    set_target_properties(cxrnet::cuda PROPERTIES
      INTERFACE_INCLUDE_DIRECTORIES "${CXRNET_CUDNN_INCLUDE}"
      INTERFACE_LINK_LIBRARIES "cxrnet::predict;${CXRNET_CUDNN_LIBRARY};CUDA::cudart_static")
  endif()
endif()
