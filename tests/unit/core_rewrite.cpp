#include <cxrnet/backend/program.hpp>
#include <cxrnet/core/rewrite.hpp>
#include <cxrnet/layers/conv2d.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/dropout.hpp>
#include <cxrnet/layers/flatten.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/layers/input.hpp>
#include <cxrnet/layers/max_pool.hpp>
#include <cxrnet/layers/residual.hpp>
#include <cxrnet/models/vgg16.hpp>

#include "catch.hpp"
#include "quoted.hpp"

#include <string>
#include <vector>

using namespace cxrnet;
using namespace cxrnet::test;

namespace {

struct Plain {
  using rules = Rules<>;
};
struct Some {
  using rules = Rules<FuseBias, FuseRelu>;
};
struct All {
  using rules = Rules<FuseBias, FuseRelu, FuseMaxPool>;
};

// example-begin
/// addition + ReLU: the end of a residual block in one pass. Backward reads the output alone.
struct FuseAddRelu {
  static constexpr bool fuse(op::Operation& first, const op::Operation& next, Mode) {
    if (first.kind != op::Kind::add || first.activation != op::Activation::none ||
        next.kind != op::Kind::activation || next.activation != op::Activation::relu) {
      return false;
    }
    first.activation = next.activation;
    return true;
  }
};
// example-end
struct Mine {
  using rules = Rules<FuseBias, FuseRelu, FuseAddRelu>;
};

using Net = Seq<Input<8, 8, 3>, Freeze<Conv2D<4, 3, Relu>, MaxPool<2>>, Conv2D<4, 3, Same, Relu>, MaxPool<2>, Flatten,
                Dropout<0.5>, Dense<3, Relu>, Dense<2, Softmax>>;

using Text = std::vector<std::string>;

/// Each operation with its operands: "convolution+bias 0>2".
template <class List>
Text text(const List& operations) {
  Text lines;
  for (const op::Operation& o : operations) {
    std::string line = describe(o) + " " + std::to_string(o.inputs[0]);
    if (o.inputs[1] >= 0) line += "," + std::to_string(o.inputs[1]);
    lines.push_back(line + ">" + std::to_string(o.output));
  }
  return lines;
}

template <class N, class Backend, Mode mode, class Wanted = Taps<>>
Text fused() {
  return text(Rewrite<N, Backend, mode, Wanted>::operations);
}

}  // namespace

TEST_CASE("Without rules nothing fuses, and dropout vanishes in inference", "[core_rewrite]") {
  CHECK(fused<Net, Plain, Mode::training>() ==
        Text{"convolution 0>1", "bias 1>2", "relu 2>3", "max_pool 3>4", "convolution 4>5", "bias 5>6", "relu 6>7",
             "max_pool 7>8", "flatten 8>9", "dropout 9>10", "dense 10>11", "bias 11>12", "relu 12>13", "dense 13>14",
             "bias 14>15", "softmax 15>16"});
  const auto list = fused<Net, Plain, Mode::inference>();
  CHECK(list.size() == 15);
  CHECK(list[9] == "dense 9>11");
}

TEST_CASE("Bias and ReLU fuse, the softmax does not", "[core_rewrite]") {
  CHECK(fused<Net, Some, Mode::inference>() ==
        Text{"convolution+bias+relu 0>3", "max_pool 3>4", "convolution+bias+relu 4>7", "max_pool 7>8", "flatten 8>9",
             "dense+bias+relu 9>13", "dense+bias 13>15", "softmax 15>16"});
}

TEST_CASE("In training the pool fuses before the cut alone, where no backward needs what it got", "[core_rewrite]") {
  CHECK(fused<Net, All, Mode::inference>() ==
        Text{"convolution+bias+relu+max_pool 0>4", "convolution+bias+relu+max_pool 4>8", "flatten 8>9",
             "dense+bias+relu 9>13", "dense+bias 13>15", "softmax 15>16"});
  CHECK(fused<Net, All, Mode::training>() ==
        Text{"convolution+bias+relu+max_pool 0>4", "convolution+bias+relu 4>7", "max_pool 7>8", "flatten 8>9",
             "dropout 9>10", "dense+bias+relu 10>13", "dense+bias 13>15", "softmax 15>16"});
  using R = Rewrite<Net, All, Mode::training>;
  CHECK(text(R::backbone) == Text{"convolution+bias+relu+max_pool 0>4"});
  CHECK(R::head.size() == 7);
  CHECK(R::output == 16);
  const op::Operation& first = R::operations[0];
  CHECK(first.out == image_dims(3, 3, 4));
  CHECK(op::before_pool(first) == image_dims(6, 6, 4));
}

TEST_CASE("Only what lies behind something that trains has a backward", "[core_rewrite]") {
  const auto& head = Rewrite<Net, All, Mode::training>::head;
  CHECK_FALSE(head[0].gradient_in);  // the features get no gradient
  CHECK(head[0].gradient_parameters);
  CHECK(head[3].gradient_in);
  CHECK_FALSE(head[3].gradient_parameters);
  CHECK_FALSE(Rewrite<Net, All, Mode::training>::backbone[0].backward());
  for (const auto& o : Rewrite<Net, All, Mode::inference>::operations) CHECK_FALSE(o.backward());
  // A frozen layer between two that train passes on; one before all of them does not, though it stands behind the cut.
  using Mixed = Seq<Input<1, 1, 4>, Flatten, Dropout<0.5>, Freeze<Dense<4>>, Dense<4>, Freeze<Dense<4>>, Dense<2>>;
  const auto& mixed = Rewrite<Mixed, All, Mode::training>::head;
  REQUIRE(mixed.size() == 5);
  CHECK_FALSE(mixed[0].backward());
  CHECK_FALSE(mixed[1].backward());
  CHECK(mixed[2].gradient_parameters);
  CHECK_FALSE(mixed[2].gradient_in);
  CHECK(mixed[3].gradient_in);
  CHECK_FALSE(mixed[3].gradient_parameters);
}

TEST_CASE("A tapped value is not fused away", "[core_rewrite]") {
  // Layer 1's output is after its ReLU: the pool behind it stays apart.
  CHECK(fused<Net, All, Mode::inference, Taps<1>>()[0] == "convolution+bias+relu 0>3");
  CHECK(fused<Net, All, Mode::inference, Taps<1>>()[1] == "max_pool 3>4");
  CHECK(fused<Net, All, Mode::inference, Taps<1, 3>>().size() == 8);
  // Tapped dropout is a copy in inference, and draws nothing.
  const auto& tapped = Rewrite<Net, All, Mode::inference, Taps<6>>::operations;
  REQUIRE(describe(tapped[3]) == "dropout");
  CHECK(tapped[3].rate == 0);
  CHECK(Rewrite<Net, All, Mode::training, Taps<6>>::head[3].rate == 0.5);
}

TEST_CASE("The features at the cut are not fused away", "[core_rewrite]") {
  using Cut = Seq<Input<8, 8, 3>, Freeze<Conv2D<4, 3>>, Dropout<0.1>, Relu, MaxPool<2>>;
  CHECK(fused<Cut, All, Mode::inference>() == Text{"convolution+bias 0>2", "relu 2>4", "max_pool 4>5"});
  // A dropout that ends a network leaves its input as the output, in inference.
  using Last = Seq<Input<8, 8, 3>, Freeze<Conv2D<4, 3>>, Dropout<0.1>>;
  CHECK(Rewrite<Last, All, Mode::inference>::head.empty());
  CHECK(Rewrite<Last, All, Mode::inference>::output == 2);
  CHECK(Rewrite<Last, All, Mode::training>::output == 3);
}

TEST_CASE("What two operations read is not fused into one of them", "[core_rewrite]") {
  using Branch = Seq<Input<8, 8, 3>, Freeze<Conv2D<4, 3>, Residual<Relu, Conv2D<4, 1>>, Relu>>;
  // The first convolution's output has two readers; its bias fuses, the branch's ReLU must not. Nor does the ReLU
  // behind an addition.
  CHECK(fused<Branch, All, Mode::inference>() ==
        Text{"convolution+bias 0>2", "relu 2>3", "convolution+bias 3>5", "add 5,2>6", "relu 6>7"});
  // A backend's own rule takes the latter.
  CHECK(fused<Branch, Mine, Mode::inference>().back() == "add+relu 5,2>7");
  // A branch that is a dropout alone adds a value to itself in inference.
  CHECK(fused<Seq<Input<2, 2, 1>, Residual<Dropout<0.5>>>, All, Mode::inference>() == Text{"add 0,0>2"});
}

TEST_CASE("VGG16 becomes 13 convolutions with what stands around them", "[core_rewrite]") {
  using V = Seq<VGG16Backbone<Frozen>, GAP, Dense<2, Softmax>>;
  static_assert(Rewrite<V, Plain, Mode::inference>::operations.size() == 13 * 3 + 5 + 1 + 3);
  static_assert(Rewrite<V, Some, Mode::inference>::operations.size() == 13 + 5 + 1 + 2);
  static_assert(Rewrite<V, All, Mode::inference>::backbone.size() == 14);
  static_assert(Rewrite<V, All, Mode::training>::backbone.size() == 14);
  CHECK(fused<V, All, Mode::inference>()[1] == "convolution+bias+relu+max_pool 3>7");
}

TEST_CASE("docs/backends.md quotes this file", "[core_rewrite]") {
  CHECK(doc_quotes("backends.md", "core_rewrite.cpp"));
}
