# cxrnet::onnx, what <cxrnet/io/onnx.hpp> needs: there where libonnx-dev is. Included by the build and by the package.
# Not find_package(ONNX), whose targets are namespaced otherwise in each release.
if(NOT TARGET cxrnet::onnx)
  find_path(CXRNET_ONNX_INCLUDE onnx/onnx_pb.h)
  find_library(CXRNET_ONNX_LIBRARY onnx_proto)
  find_library(CXRNET_PROTOBUF_LIBRARY protobuf)
  if(CXRNET_ONNX_INCLUDE AND CXRNET_ONNX_LIBRARY AND CXRNET_PROTOBUF_LIBRARY)
    add_library(cxrnet::onnx INTERFACE IMPORTED GLOBAL)
    set_target_properties(cxrnet::onnx PROPERTIES
      INTERFACE_INCLUDE_DIRECTORIES "${CXRNET_ONNX_INCLUDE}"
      INTERFACE_COMPILE_DEFINITIONS CXRNET_ONNX
      INTERFACE_LINK_LIBRARIES "cxrnet::predict;${CXRNET_ONNX_LIBRARY};${CXRNET_PROTOBUF_LIBRARY}")
  endif()
endif()
