// A network of your own, from scratch: its type, training on class folders at its own image size, and what the test
// images say of it. Made to be copied.
#include <cxrnet/cxrnet.hpp>
#include <cxrnet/report/text_report.hpp>

#include <filesystem>
#include <iostream>

using namespace cxrnet;

namespace {

// example-begin
/// Half the height and the width, and so many channels.
template <int Channels>
using Halve = Seq<Conv2D<Channels, 3, Same, Stride<2>>, BatchNorm<0.9>, Relu>;

/// x + two convolutions (He et al. 2015).
template <int Channels>
using Block = Residual<Conv2D<Channels, 3, Same>, BatchNorm<0.9>, Relu, Conv2D<Channels, 3, Same>, BatchNorm<0.9>>;

using Net = Seq<Input<64, 64, 3, Rescale<1, 255>>, Halve<16>, Block<16>, Relu, Halve<32>, Block<32>, Relu, GAP,
                Dropout<0.2>, Dense<2, Softmax>>;
using Transforms = Augment<Shift<0.1, 0.1>, FlipHorizontal>;
// example-end

/// A folder with a subfolder of images for each class, at the network's size.
ImageDataset images_in(const std::filesystem::path& folder) {
  constexpr Dims input = Traits<Net>::input;
  return ImageDataset(list_image_folder(folder), {.size = {input.height, input.width}});
}

void train(const std::filesystem::path& data, const std::filesystem::path& model) {
  const ImageDataset images = images_in(data / "train");
  const ImageDataset validation = images_in(data / "val");
  const ImageDataset test = images_in(data / "test");

  constexpr int batch = 16;
  constexpr int epochs = 30;
  const std::size_t steps = epochs * ((images.size() + batch - 1) / batch);
  ClassifierOf<Net, Cpu, Transforms> net(initial_parameters<Net>(/*seed=*/0), batch);
  EarlyStopping stopping{.patience = epochs, .best_weights = BestWeights::restore};
  fit(net, images, &validation, {.epochs = epochs, .batch = batch},
      {stopping, ScheduledRate(CosineDecay{0.002, steps}), [](const EpochRecord& epoch) {
         std::cout << "epoch " << epoch.epoch << ": loss " << epoch.loss << ", val_loss " << epoch.val_loss
                   << ", val_accuracy " << epoch.val_accuracy << std::endl;
       }});
  save_model(model, net.description(), net.parameters());

  std::vector<int> labels;
  for (std::size_t i = 0; i < test.size(); ++i) labels.push_back(test.label(i));
  const auto evaluation = evaluate_predictions(labels, predict_all(net, test), test.classes(), /*positive=*/0);
  std::cout << "\nThe weights of epoch " << stopping.best_epoch << " on the test images:\n" << text_report(evaluation);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 3) throw ArgumentError("usage: own_network DATA MODEL: DATA has train, val and test, MODEL is written");
    train(argv[1], argv[2]);
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << '\n';
    return 1;
  }
}
