#include <cxrnet/core/window.hpp>

#include "catch.hpp"

using namespace cxrnet;

TEST_CASE("Same pads as TensorFlow does, the odd zero below and right", "[core_window]") {
  CHECK(make_window<Same>(image_dims(5, 6, 1), 3, 3, 1) == op::Window{3, 3, 1, 1, 1, 1, 1});
  CHECK(make_window<Same>(image_dims(5, 6, 1), 3, 3, 2) == op::Window{3, 3, 2, 1, 0, 1, 1});
  CHECK(make_window<Same>(image_dims(5, 5, 1), 4, 2, 1) == op::Window{4, 2, 1, 1, 0, 2, 1});
  CHECK(make_window<Same>(image_dims(11, 11, 1), 1, 1, 4) == op::Window{1, 1, 4});  // never less than none
  CHECK(make_window<Valid>(image_dims(5, 6, 1), 3, 3, 2) == op::Window{3, 3, 2});
}

TEST_CASE("Same leaves size / stride, rounded up, and Valid whole windows", "[core_window]") {
  for (const int stride : {1, 2, 3, 4}) {
    for (const int size : {4, 5, 6, 7, 224}) {
      for (const int extent : {1, 2, 3, 4}) {
        const Dims in = image_dims(size, size + 1, 2);
        CHECK(window_output(in, make_window<Same>(in, extent, extent, stride), 9) ==
              image_dims((size + stride - 1) / stride, (size + stride) / stride, 9));
        CHECK(window_output(in, make_window<Valid>(in, extent, extent, stride), 9) ==
              image_dims((size - extent) / stride + 1, (size + 1 - extent) / stride + 1, 9));
      }
    }
  }
}

TEST_CASE("Without padding a window must fit both ways", "[core_window]") {
  CHECK(window_fits<Valid>(image_dims(3, 2, 1), 3, 2));
  CHECK_FALSE(window_fits<Valid>(image_dims(3, 2, 1), 4, 2));
  CHECK_FALSE(window_fits<Valid>(image_dims(3, 2, 1), 3, 3));
  CHECK(window_fits<Same>(image_dims(1, 1, 1), 3, 3));
}
