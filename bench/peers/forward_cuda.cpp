// Our side of bench/peers/run.sh's forward on a GPU.
#include "forward.hpp"
#include "gpu.hpp"

#include <algorithm>
#include <cmath>
#include <exception>

namespace {

using namespace cxrnet;
template <class Training>
using Net = Seq<VGG16Backbone<Training>, GAP, Dense<128, Relu>, Dense<2, Softmax>>;

/// The whole network as one program, on images that lie on the GPU.
template <class Backend>
class Resident {
  using Program = typename Backend::Program;
  static constexpr const ProgramSpec& spec = Lowered<Net<Trainable>, Backend, Mode::inference>::head;

 public:
  Resident(std::span<const float> images, std::size_t batch, const std::vector<float>& parameters)
      : batch_(static_cast<int>(batch)), program_(spec, batch_, parameters.data()), context_(program_, nullptr, nullptr) {
    program_.forward(context_, images.data(), batch_, nullptr);
  }

  void run() {
    program_.forward(context_, nullptr, batch_, nullptr);
    cuda::check(cudaDeviceSynchronize(), "running a forward");
  }

  [[nodiscard]] std::vector<float> probabilities() {
    std::vector<float> values(static_cast<std::size_t>(batch_) * spec.output_dims.size());
    program_.forward(context_, nullptr, batch_, values.data());
    return values;
  }

 private:
  int batch_;
  Program program_;
  typename Program::Context context_;
};

/// BackendError unless images that lie on the GPU come to what the same images come to from host memory.
void require_same(const std::vector<float>& resident, const std::vector<float>& expected) {
  const bool same = std::ranges::equal(resident, expected, [](float a, float b) { return std::abs(a - b) <= 1e-3F; });
  if (!same) throw BackendError("Images that lie on the GPU have other probabilities than the same images from host memory.");
}

template <class Numbers>
void serve(const std::string& model, const std::string& images) {
  using Backend = Cuda<Numbers>;
  peers::Forward<Net<Frozen>, Backend> forward(peers::parameters_of<Net<Frozen>>(model), peers::prepared_images<float>(images));
  std::map<std::size_t, Resident<Backend>> residents;
  const nlohmann::json about{{"version", peers::version_on_gpu<Backend>()}, {"gflop_per_image", Traits<Net<Frozen>>::flops * 1e-9}};
  peers::serve(forward, about, [&](const std::string& what, std::istream& words) -> std::optional<nlohmann::json> {
    std::size_t batch = 0;
    double seconds = 0;
    if (what != "resident" || !(words >> batch >> seconds)) return {};
    const auto [found, is_new] = residents.try_emplace(batch, forward.images(batch), batch, forward.parameters());
    if (is_new) {
      forward.run(batch);
      require_same(found->second.probabilities(), forward.probabilities());
    }
    return nlohmann::json{{"images_per_second", peers::speed(batch, seconds, [&] { found->second.run(); })}};
  });
}

}  // namespace

int main(int argc, char** argv) try {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const bool half = arguments.size() == 3 && arguments[2] == "f16";
  if (!half && !(arguments.size() == 3 && arguments[2] == "tf32")) {
    std::cerr << "usage: forward_cuda MODEL IMAGES f16|tf32\n"
                 "Answers each line of its input with one of JSON: outputs, forward BATCH SECONDS, and resident BATCH SECONDS, whose images\n"
                 "lie on the GPU.\n";
    return arguments == std::vector<std::string>{"--help"} ? 0 : 2;
  }
  if (!peers::has_gpu()) return peers::left_out;
  if (half) serve<Half>(arguments[0], arguments[1]);
  else serve<Tf32>(arguments[0], arguments[1]);
  return 0;
} catch (const std::exception& error) {
  std::cerr << "forward_cuda: " << error.what() << '\n';
  return 1;
}
