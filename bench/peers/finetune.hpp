#pragma once
#include <cxrnet/predict.hpp>
#include <cxrnet/train/trainer.hpp>

#include <chrono>
#include <cstddef>
#include <exception>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

// Time of a fine-tuning step in cxrnet, by the protocol of bench/peers/peers.py.
namespace cxrnet::peers {

template <class Training, class Backend>
void time_steps(const std::string& version, const std::string& model, const std::string& images_file, int warmup, int steps) {
  using Net = Seq<VGG16Backbone<Training>, GAP, Dense<128, Relu>, Dense<2, Softmax>>;
  using T = Traits<Net>;
  const std::vector<float> images = read_safetensors(images_file).tensors.at(0).values;
  const std::size_t batch = images.size() / T::input.size();
  std::vector<float> parameters(T::parameter_count);
  take_parameters(description_of<Net>, read_safetensors(model), model, Which::all, parameters);
  Model<Net, Backend> net(std::move(parameters), static_cast<int>(batch));
  Adam adam;
  adam.learning_rate = 1e-5;
  Trainer<Net, Backend> trainer(net, adam);
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
                              {"version", version},
                              {"threads", std::thread::hardware_concurrency()},
                              {"images_per_second", steps * static_cast<double>(batch) / took.count()},
                              {"losses", losses}}
            << '\n';
}

/// The whole of a program.
template <class Backend>
int finetune(const std::string& version, int argc, char** argv) try {
  if (argc != 6) {
    std::cerr << "usage: " << argv[0] << " MODEL IMAGES block5|all WARMUP STEPS\n";
    return 2;
  }
  const std::string unfrozen = argv[3];
  const int warmup = std::stoi(argv[4]), steps = std::stoi(argv[5]);
  if (unfrozen == "block5") time_steps<FreezeThrough<4>, Backend>(version, argv[1], argv[2], warmup, steps);
  else if (unfrozen == "all") time_steps<Trainable, Backend>(version, argv[1], argv[2], warmup, steps);
  else throw ArgumentError("'" + unfrozen + "' can't be unfrozen here: block5 or all.");
  return 0;
} catch (const std::exception& error) {
  std::cerr << "finetune: " << error.what() << '\n';
  return 1;
}

}  // namespace cxrnet::peers
