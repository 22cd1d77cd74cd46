// Time of a fine-tuning step in cxrnet, by the protocol of bench/peers/peers.py.
#include <cxrnet/core/version.hpp>
#include <cxrnet/predict.hpp>
#include <cxrnet/train/trainer.hpp>

#include <chrono>
#include <exception>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace cxrnet;

template <class Training>
void time_steps(const std::string& model, const std::string& images_file, int warmup, int steps) {
  using Net = Seq<VGG16Backbone<Training>, GAP, Dense<128, Relu>, Dense<2, Softmax>>;
  using T = Traits<Net>;
  const std::vector<float> images = read_safetensors(images_file).tensors.at(0).values;
  const std::size_t batch = images.size() / T::input.size();
  std::vector<float> parameters(T::parameter_count);
  take_parameters(description_of<Net>, read_safetensors(model), model, Which::all, parameters);
  Model<Net, Cpu> net(std::move(parameters), static_cast<int>(batch));
  Adam adam;
  adam.learning_rate = 1e-5;
  Trainer<Net, Cpu> trainer(net, adam);
  std::vector<float> features(batch * T::features.size());
  std::vector<int> labels(batch);
  for (std::size_t i = 0; i < batch; ++i) labels[i] = static_cast<int>(i % 2);

  std::vector<double> losses;
  auto began = std::chrono::steady_clock::now();
  for (int index = 0; index < warmup + steps; ++index) {
    if (index == warmup) began = std::chrono::steady_clock::now();
    net.features_of_prepared(images, features);
    losses.push_back(trainer.step(features, labels).loss_sum / static_cast<double>(batch));
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  std::cout << nlohmann::json{{"side", "cxrnet"},
                              {"version", "cxrnet " + std::string(version) + ", " + onednn::version()},
                              {"threads", std::thread::hardware_concurrency()},
                              {"images_per_second", steps * static_cast<double>(batch) / took.count()},
                              {"losses", losses}}
            << '\n';
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 6) {
    std::cerr << "usage: finetune MODEL IMAGES block5|all WARMUP STEPS\n";
    return 2;
  }
  const std::string unfrozen = argv[3];
  if (unfrozen == "block5") time_steps<FreezeThrough<4>>(argv[1], argv[2], std::stoi(argv[4]), std::stoi(argv[5]));
  else if (unfrozen == "all") time_steps<Trainable>(argv[1], argv[2], std::stoi(argv[4]), std::stoi(argv[5]));
  else throw ArgumentError("'" + unfrozen + "' can't be unfrozen here: block5 or all.");
  return 0;
} catch (const std::exception& error) {
  std::cerr << "finetune: " << error.what() << '\n';
  return 1;
}
