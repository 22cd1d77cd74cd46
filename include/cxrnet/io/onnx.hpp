#pragma once
// ONNX files: `write_onnx` and `read_onnx`. Needs libonnx-dev and the CMake target cxrnet::onnx; no other header of
// cxrnet includes this one.
#include <cxrnet/io/onnx_reader.hpp>
#include <cxrnet/io/onnx_writer.hpp>
