#include <cxrnet/backend/cpu/cpu.hpp>
#include <cxrnet/backend/onednn/onednn.hpp>
#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/core/model.hpp>
#include <cxrnet/layers/batch_norm.hpp>
#include <cxrnet/layers/conv2d.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/dropout.hpp>
#include <cxrnet/layers/flatten.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/layers/input.hpp>
#include <cxrnet/layers/max_pool.hpp>
#include <cxrnet/layers/residual.hpp>
#include <cxrnet/models/vgg16.hpp>
#include <cxrnet/train/trainer.hpp>

#include "catch.hpp"

#include <set>
#include <string>
#include <vector>

using namespace cxrnet;

namespace {

using Fused = Reference<float, Rules<FuseBias, FuseRelu, FuseMaxPool>>;
using Net = Seq<VGG16Backbone<Frozen>, GAP, Dense<128, Relu>, Dense<2, Softmax>>;

// The bytes of a network are constants: block 1's two maps of 224 x 224 x 64 floats, and nothing beside them.
static_assert(Lowered<Net, OneDnn, Mode::inference>::backbone_plan.bytes == 2 * 224 * 224 * 64 * 4);
static_assert(Model<Net, OneDnn>::arena_bytes(8) < 210'000'000);
static_assert(Model<Net, OneDnn>::arena_bytes(32) < 210'000'000);  // the backbone runs 8 at a time
static_assert(Trainer<Net, OneDnn>::arena_bytes(32) < 32 * 8192);
static_assert(Lowered<Net, Fused, Mode::inference>::backbone_plan.bytes <
              Lowered<Net, OneDnn, Mode::inference>::backbone_plan.bytes);

/// Plays a list of operations step by step: who writes and who reads which bytes, and what each read must find. This
/// is what a backend does, said again without lifetimes: every read must find the bytes of its own last write.
class Playback {
 public:
  explicit Playback(const ProgramSpec& spec) : spec_(spec), owner_(spec.bytes / 64, -1) {}

  /// The first fault found, "" where there is none.
  std::string play() {
    write(value(spec_.input));
    std::vector<int> chain;  // what the operations that run along with this one read
    for (const auto& o : spec_.operations) {
      for (const int input : o.inputs) if (input >= 0) read(value(input), "forward");
      write(value(o.output));
      for (const int input : o.inputs) if (input >= 0) chain.push_back(input);
      for (const int input : chain) read(value(input), "forward, written over by its reader");
      if (!o.chained) chain.clear();
    }
    read(value(spec_.output), "the output");
    bool any = false;
    for (const auto& o : spec_.operations) any = any || o.backward();
    if (spec_.mode != Mode::training || !any) return fault_;
    std::set<int> given{spec_.output};
    write(gradient(spec_.output));
    for (std::size_t i = spec_.operations.size(); i-- > 0;) {
      const auto& o = spec_.operations[i];
      if (!o.backward()) continue;
      op::for_each_recomputed(spec_.operations, i, [&](std::size_t k) {
        const auto& again = spec_.operations[k];
        for (const int input : again.inputs) if (input >= 0) read(value(input), "forward, once more");
        write(value(again.output));
        for (const int input : again.inputs) if (input >= 0) read(value(input), "forward once more, written over");
      });
      read(gradient(o.output), "gradient of the output");
      read(value(o.output), "output, in backward");
      for (const int input : o.inputs) {
        if (input < 0) continue;
        read(value(input), "input, in backward");
        if (spec_.gradients[static_cast<std::size_t>(input)].bytes == 0) continue;
        if (given.insert(input).second) write(gradient(input));
        else read(gradient(input), "gradient of an input, added to");
      }
      read(gradient(o.output), "gradient of the output, after it was passed on");
      read(value(o.output), "output, after its gradient was passed on");
    }
    return fault_;
  }

 private:
  struct Place {
    int id;
    Slot slot;
  };
  Place value(int number) const { return {number, spec_.values[static_cast<std::size_t>(number)]}; }
  Place gradient(int number) const { return {1000 + number, spec_.gradients[static_cast<std::size_t>(number)]}; }

  void write(const Place& place) {
    if (place.slot.bytes == 0) return fail(place, "has no bytes");
    if (place.slot.offset % 64 != 0 || place.slot.bytes % 64 != 0) return fail(place, "is not aligned");
    if (place.slot.offset + place.slot.bytes > spec_.bytes) return fail(place, "lies outside the arena");
    for (std::size_t b = place.slot.offset / 64; b < (place.slot.offset + place.slot.bytes) / 64; ++b) owner_[b] = place.id;
  }
  void read(const Place& place, const char* what) {
    for (std::size_t b = place.slot.offset / 64; b < (place.slot.offset + place.slot.bytes) / 64; ++b) {
      if (b >= owner_.size() || owner_[b] != place.id) return fail(place, what);
    }
  }
  void fail(const Place& place, const std::string& what) {
    if (fault_.empty()) fault_ = std::to_string(place.id) + ": " + what;
  }

  ProgramSpec spec_;
  std::vector<int> owner_;
  std::string fault_;
};

template <class N, class Backend>
void check_plans() {
  CHECK(Playback(Lowered<N, Backend, Mode::inference>::backbone).play() == "");
  CHECK(Playback(Lowered<N, Backend, Mode::inference>::head).play() == "");
  CHECK(Playback(Lowered<N, Backend, Mode::training>::backbone).play() == "");
  CHECK(Playback(Lowered<N, Backend, Mode::training>::head).play() == "");
}

using Trainable4 = Seq<Input<9, 9, 3>, Conv2D<5, 3, Relu>, MaxPool<2>, Residual<Conv2D<5, 3, Same, Relu>, Residual<Relu>>,
                       GAP, Dense<7, Relu>, Dropout<0.5>, Freeze<Dense<4>>, Dense<2, Softmax>>;
using Recomputed = Seq<Input<9, 9, 3>, Conv2D<5, 3, Relu>, Recompute<Conv2D<5, 3, Same, Relu>, Dropout<0.5>, MaxPool<2>>,
                       Recompute<Residual<Shortcut<Conv2D<4, 1>>, Conv2D<4, 3, Same, Relu>, BatchNorm<>, Freeze<Conv2D<4, 1>>>,
                                 Relu>,
                       GAP, Recompute<Dense<7, Relu>, Dense<2, Softmax>>>;
using Empty = Seq<Input<3, 3, 1>>;
using FrozenAll = Seq<Input<5, 5, 2>, Freeze<Conv2D<3, 3>, GAP, Dense<2, Softmax>>>;

}  // namespace

TEST_CASE("No bytes are written over before they are read last", "[core_memory_plan]") {
  check_plans<Net, OneDnn>();
  check_plans<Net, Cpu>();
  check_plans<Net, Reference<double>>();
  check_plans<Seq<VGG16Backbone<>, GAP, Dense<2, Softmax>>, Fused>();
  check_plans<Trainable4, Reference<float>>();
  check_plans<Trainable4, Fused>();
  check_plans<FrozenAll, Fused>();
  check_plans<Recomputed, Reference<float>>();
  check_plans<Recomputed, Fused>();
  check_plans<Recomputed, OneDnn>();
  check_plans<Seq<Input<4, 4, 2>, Residual<Residual<Residual<Conv2D<2, 1>>>>, Residual<>>, Reference<float>>();
  check_plans<Seq<Input<4, 4, 2>, Dropout<0.5>>, Reference<float>>();
  check_plans<Empty, Reference<float>>();
}

TEST_CASE("The playback finds a plan that is wrong", "[core_memory_plan]") {
  using L = Lowered<Trainable4, Reference<float>, Mode::training>;
  auto spec = L::head;
  spec.bytes -= 64;
  CHECK(Playback(spec).play() != "");
  auto plan = L::head_plan;
  plan.values[2].offset = plan.values[1].offset;
  spec = L::head;
  spec.values = plan.values;
  CHECK(Playback(spec).play() != "");
}

TEST_CASE("Sharing saves what it can", "[core_memory_plan]") {
  constexpr auto plan = Lowered<Net, OneDnn, Mode::inference>::backbone_plan;
  CHECK(plan.unshared > 2 * plan.bytes);
  // At no time does a chain need more than two neighbours.
  std::size_t most = 0;
  for (const auto& o : Rewrite<Net, OneDnn, Mode::inference>::backbone) {
    most = std::max(most, OneDnn::value_bytes(o.in) + OneDnn::value_bytes(o.out));
  }
  CHECK(plan.bytes == most);
}
