#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/layers/conv2d.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/layers/input.hpp>
#include <cxrnet/layers/residual.hpp>
#include <cxrnet/report/summary.hpp>
#include <cxrnet/train/classifier.hpp>

#include "catch.hpp"
#include "message.hpp"

using namespace cxrnet;
using namespace cxrnet::test;

namespace {
using Net = Seq<Input<8, 8, 3, ImageNetCaffe>, Freeze<Conv2D<4, 3>>, Residual<Relu>, GAP, Dense<2, Softmax>>;
using Fusing = Reference<float, Rules<FuseBias, FuseRelu>>;
}  // namespace

TEST_CASE("A summary has Keras's shapes and totals", "[report_summary]") {
  const auto text = summary(description_of<Net>);
  CHECK(has(text, "(None, 6, 6, 4)"));
  CHECK(has(text, "(None, 2)"));
  CHECK(has(text, "Total params: 122 (488 B)\nTrainable params: 10 (40 B)\nNon-trainable params: 112 (448 B)\n"));
  CHECK(has(text, "Preprocessing: imagenet\n"));
  CHECK(detail::grouped(14714688) == "14,714,688");
  CHECK(detail::grouped(999) == "999");
  CHECK(detail::grouped(1000) == "1,000");
  CHECK(detail::bytes_text(58858752) == "56.13 MB");
  CHECK(detail::bytes_text(1023) == "1023 B");
  CHECK(detail::bytes_text(1024) == "1.00 KB");
}

TEST_CASE("The memory's lines name capacity, backend and use", "[report_summary]") {
  const ClassifierOf<Net, Fusing> net(initial_parameters<Net>(3), 5);
  const auto text = memory_summary(net);
  CHECK(has(text, "Memory for batches of 5 on reference-f32:\n"));
  for (const char* line : {"  parameters                               488 B\n",
                           "  gradients                                 40 B\n",
                           "  optimiser state                           80 B\n",
                           "    at most 1.00 GB of each data set\n"}) {
    CHECK(has(text, line));
  }
  const std::size_t image = description_of<Net>.input.size();
  CHECK(has(text, "images prepared by the loader"));
  CHECK(has(text, detail::bytes_text(3 * 5 * image * sizeof(float)) + '\n'));  // two batches ahead of the one in use
  CHECK(has(text, detail::bytes_text(image) + '\n'));
}

TEST_CASE("The fused list names operations, operands and algorithms", "[report_summary]") {
  constexpr const auto& fused = Rewrite<Net, Fusing, Mode::inference>::operations;
  const auto text = fused_summary(description_of<Net>, fused, {{1, "convolution+bias", "chosen"}});
  const auto row = [&](const char* number) {
    const auto start = text.find(number);
    return text.substr(start, text.find('\n', start + 1) - start);
  };
  CHECK(has(row("\n0 "), "convolution+bias     %0  "));
  CHECK(has(row("\n0 "), "chosen"));
  CHECK_FALSE(has(row("\n1 "), "chosen"));
  CHECK(has(row("\n2 "), "%3, %2"));
  CHECK(has(row("\n4 "), "dense+bias"));
}
