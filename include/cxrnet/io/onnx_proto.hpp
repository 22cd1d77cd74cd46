#pragma once
// ONNX's own messages, out of libonnx-dev. A program that includes this links cxrnet::onnx.
#ifndef ONNX_ML
#define ONNX_ML 1  // as distributions build it
#endif
#include <onnx/onnx_pb.h>
