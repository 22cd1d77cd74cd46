#include <cxrnet/backend/onednn/onednn.hpp>
#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/layers/conv2d.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/dropout.hpp>
#include <cxrnet/layers/flatten.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/layers/input.hpp>
#include <cxrnet/layers/max_pool.hpp>
#include <cxrnet/layers/residual.hpp>
#include <cxrnet/train/trainer.hpp>

#include "catch.hpp"
#include "message.hpp"
#include "network.hpp"
#include "npy.hpp"
#include "shared.hpp"

#include <fstream>
#include <iostream>
#include <limits>
#include <nlohmann/json.hpp>

using namespace cxrnet;
using namespace cxrnet::test;

namespace {

using Head512 = Seq<Input<1, 1, 512>, Flatten, Dense<128, Relu>, Dense<2, Softmax>>;
using Small = Seq<Input<2, 2, 3>, Flatten, Dense<4, Relu>, Dense<3, Softmax>>;

static_assert(!std::is_move_constructible_v<Trainer<Small, Reference<float>>>);

/// Ten epochs of the reference's head in fixed order, as Keras ran them.
template <class Backend>
void run_golden(const std::filesystem::path& golden) {
  using T = Traits<Head512>;
  std::vector<float> parameters(T::parameter_count);
  const std::array tensors{"w1", "b1", "w2", "b2"};
  for (std::size_t i = 0; i < 4; ++i) {
    const auto values = npy<float>(golden / (std::string("init_") + tensors[i] + ".npy"));
    std::copy(values.begin(), values.end(), parameters.begin() + static_cast<std::ptrdiff_t>(T::parameters[i].offset));
  }
  const auto x = npy<float>(golden / "x.npy");
  const auto y = npy<float>(golden / "y.npy");
  const auto x_val = npy<float>(golden / "x_val.npy");
  const auto y_val = npy<float>(golden / "y_val.npy");
  std::vector<int> labels(192);
  for (std::size_t i = 0; i < 192; ++i) labels[i] = y(i, 1) > 0.5F ? 1 : 0;
  const auto history = nlohmann::json::parse(std::ifstream(golden / "history.json"));

  Model<Head512, Backend> model(parameters, 32);
  Trainer<Head512, Backend> trainer(model);
  std::vector<double> running;
  double history_error = 0;
  for (int epoch = 0; epoch < 10; ++epoch) {
    double sum = 0;
    double correct = 0;
    for (std::size_t first = 0; first < 192; first += 32) {
      const auto result = trainer.step({x.data() + first * 512, 32 * 512}, std::span(labels).subspan(first, 32));
      sum += result.loss_sum;
      correct += result.correct;
      running.push_back(sum / static_cast<double>(first + 32));
    }
    std::vector<float> validation(y_val.shape(0) * 2);
    model.predict_features({x_val.data(), x_val.size()}, validation);
    const auto n_val = static_cast<double>(y_val.shape(0));
    double val_loss = 0;
    int val_correct = 0;
    for (std::size_t i = 0; i < y_val.shape(0); ++i) {
      const auto row = std::span<const float>(validation).subspan(2 * i, 2);
      const int label = y_val(i, 1) > 0.5F ? 1 : 0;
      val_loss += CategoricalCrossentropy{}.value(row, std::array{label == 0 ? 1.0F : 0.0F, label == 1 ? 1.0F : 0.0F}) / n_val;
      val_correct += predicted_class(row) == label ? 1 : 0;
    }
    const auto differs = [&](const char* figure, double value) {
      const double expected = history.at("history").at(figure).at(static_cast<std::size_t>(epoch)).get<double>();
      history_error = std::max(history_error, std::abs(value - expected));
    };
    differs("loss", running.back());
    differs("accuracy", correct / 192.0);
    differs("val_loss", val_loss);
    differs("val_accuracy", val_correct / n_val);
  }
  const auto expected = history.at("running_mean_loss_after_each_batch").get<std::vector<double>>();
  REQUIRE(expected.size() == running.size());
  double loss_error = 0;
  for (std::size_t i = 0; i < running.size(); ++i) loss_error = std::max(loss_error, std::abs(running[i] - expected[i]));
  double weight_error = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    const auto values = npy<float>(golden / (std::string("final_") + tensors[i] + ".npy"));
    for (std::size_t k = 0; k < values.size(); ++k) {
      weight_error = std::max(weight_error, std::abs(double{model.parameter(static_cast<int>(i))[k]} - values.data()[k]));
    }
  }
  const auto predictions = npy<float>(golden / "val_predictions.npy");
  std::vector<float> mine(predictions.size());
  model.predict_features({x_val.data(), x_val.size()}, mine);
  double prediction_error = 0;
  for (std::size_t i = 0; i < mine.size(); ++i) {
    prediction_error = std::max(prediction_error, std::abs(double{mine[i]} - predictions.data()[i]));
  }
  std::cout << "golden/head on " << Backend::name << ": losses " << loss_error << ", history " << history_error << ", weights " << weight_error
            << ", predictions " << prediction_error << "\n";
  CHECK(loss_error < 1e-4);
  CHECK(history_error < 1e-4);
  CHECK(weight_error < 1e-3);
  CHECK(prediction_error < 1e-3);
}

}  // namespace

TEST_CASE("Ten epochs of the head are Keras's", "[train_trainer]") {
  const auto shared = shared_or_skip("ten epochs of the head");
  if (!shared) return;
  run_golden<OneDnn>(*shared / "golden/head");
  run_golden<Reference<float>>(*shared / "golden/head");
}

TEST_CASE("The gradient of the loss meets central differences", "[train_trainer]") {
  using Net = Seq<Input<5, 5, 2>, Conv2D<3, 3, Same, Relu>, Residual<Conv2D<3, 3, Same, Relu>>, MaxPool<2>, Dropout<0.25>,
                  GAP, Dense<3, Softmax>>;
  using T = Traits<Net>;
  Model<Net, Reference<double>> model(random_values<double>(T::parameter_count, 1), 4);
  Trainer<Net, Reference<double>> trainer(model, {}, 9);
  const auto features = random_values<float>(4 * T::features.size(), 2);
  const std::array labels{0, 2, 1, 2};
  trainer.gradients_of(features, labels);
  const std::vector<double> analytic(trainer.gradients().begin(), trainer.gradients().end());
  std::vector<double> numeric;
  for (std::size_t k = 0; k < T::parameter_count; ++k) {
    const auto loss_at = [&](double change) {
      model.set_trainable([&](std::span<double> p) { p[k] += change; });
      const double loss = trainer.gradients_of(features, labels).loss_sum / 4;
      model.set_trainable([&](std::span<double> p) { p[k] -= change; });
      return loss;
    };
    numeric.push_back((loss_at(1e-6) - loss_at(-1e-6)) / 2e-6);
  }
  CHECK(relative_error(analytic, numeric) < 1e-7);
}

TEST_CASE("Wrong batches and labels are refused and change nothing", "[train_trainer]") {
  Model<Small, Reference<float>> model(2, 1);
  Trainer<Small, Reference<float>> trainer(model);
  const std::vector<float> before(model.parameters().begin(), model.parameters().end());
  const std::vector<float> x(36, 0.5F);
  const auto refused = [&](std::size_t n, std::vector<int> labels) {
    return message_of<ArgumentError>([&] { trainer.step(std::span(x).first(12 * n), labels); });
  };
  CHECK(has(refused(0, {}), "holds 1 to 2 samples"));
  CHECK(has(refused(3, {0, 0, 0}), "holds 1 to 2 samples"));
  CHECK(has(refused(2, {0}), "the features and the targets of each"));
  CHECK(refused(2, {0, 3}) == "The label 3 is none of the network's 3 classes.");
  CHECK(refused(1, {-1}) == "The label -1 is none of the network's 3 classes.");
  CHECK(trainer.steps() == 0);
  CHECK(std::equal(before.begin(), before.end(), model.parameters().begin()));
}

TEST_CASE("A step whose loss is not finite changes nothing", "[train_trainer]") {
  Model<Small, OneDnn> model(2, 1);
  Trainer<Small, OneDnn> trainer(model);
  const std::vector<float> before(model.parameters().begin(), model.parameters().end());
  std::vector<float> x(24, 0.5F);
  const std::array labels{0, 1};
  const auto good = trainer.gradients_of(x, labels);
  const std::vector<float> gradients(trainer.gradients().begin(), trainer.gradients().end());
  auto bad = x;
  std::fill(bad.begin() + 12, bad.end(), std::numeric_limits<float>::infinity());
  CHECK_FALSE(std::isfinite(trainer.step(bad, labels).loss_sum));
  CHECK(trainer.steps() == 0);
  CHECK(std::equal(before.begin(), before.end(), model.parameters().begin()));
  // Nor does it leave anything behind.
  CHECK(trainer.gradients_of(x, labels).loss_sum == good.loss_sum);
  CHECK(std::equal(gradients.begin(), gradients.end(), trainer.gradients().begin()));
}

TEST_CASE("Dropout draws anew each step, by seed, and alike on both backends", "[train_trainer]") {
  using Net = Seq<Input<1, 1, 64>, Flatten, Dropout<0.5>, Dense<2, Softmax>>;
  const auto x = random_values<float>(4 * 64, 2);
  const std::array labels{0, 1, 0, 1};
  const auto parameters = initial_parameters<Net>(1);
  const auto losses = [&]<class Backend>(Backend, std::uint64_t seed) {
    Model<Net, Backend> model(parameters, 4);
    Trainer<Net, Backend> trainer(model, Adam{.learning_rate = 1e-12}, seed);
    std::vector<double> list;
    for (int i = 0; i < 3; ++i) list.push_back(trainer.step(x, labels).loss_sum);
    return list;
  };
  const auto one = losses(Reference<float>{}, 1);
  CHECK(std::abs(one[0] - one[1]) > 1e-3);
  CHECK(std::abs(one[1] - one[2]) > 1e-3);
  CHECK(losses(Reference<float>{}, 1) == one);
  CHECK(losses(Reference<float>{}, 2) != one);
  const auto other = losses(OneDnn{}, 1);
  for (std::size_t i = 0; i < 3; ++i) CHECK(other[i] == Approx(one[i]).epsilon(1e-5));
}

TEST_CASE("Frozen parameters stay as they are, and what trains moves", "[train_trainer]") {
  using Net = Seq<Input<4, 4, 3>, Freeze<Conv2D<4, 3, Relu>>, Flatten, Dense<6, Relu>, Freeze<Dense<5, Relu>>,
                  Dense<3, Softmax>>;
  using T = Traits<Net>;
  Model<Net, OneDnn> model(4, 2);
  Trainer<Net, OneDnn> trainer(model, Adam{.learning_rate = 0.02});
  const std::vector<float> before(model.parameters().begin(), model.parameters().end());
  const auto x = random_values<float>(4 * T::features.size(), 2, 0, 1);
  double first = 0;
  double last = 0;
  for (int i = 0; i < 100; ++i) {
    last = trainer.step(x, std::array{0, 1, 2, 0}).loss_sum;
    if (i == 0) first = last;
  }
  CHECK(last < 0.7 * first);
  for (const ParameterInfo& info : T::parameters) {
    const auto now = model.parameters().subspan(info.offset, info.parameter.size());
    const bool same = std::equal(now.begin(), now.end(), before.begin() + static_cast<std::ptrdiff_t>(info.offset));
    CAPTURE(std::string(info.name.view()));
    CHECK(same != info.trains);
  }
}

TEST_CASE("A small network learns on plain loops, convolutions and all", "[train_trainer]") {
  using Net = Seq<Input<6, 6, 1>, Conv2D<4, 3, Same, Relu>, MaxPool<2>, Residual<Conv2D<4, 3, Same, Relu>>, GAP,
                  Dense<2, Softmax>>;
  Model<Net, Reference<float>> model(16, 3);
  Trainer<Net, Reference<float>> trainer(model, Adam{.learning_rate = 0.02});
  // Class 1 has vertical stripes, class 0 horizontal ones.
  std::vector<float> x;
  std::vector<int> labels;
  const auto noise = random_values<float>(16 * 36, 5, -0.2, 0.2);
  for (int i = 0; i < 16; ++i) {
    labels.push_back(i % 2);
    for (int p = 0; p < 36; ++p) {
      const int stripe = i % 2 == 1 ? p % 6 : p / 6;
      x.push_back(static_cast<float>((stripe + i / 2) % 2) + noise[static_cast<std::size_t>(i * 36 + p)]);
    }
  }
  for (int i = 0; i < 150; ++i) trainer.step(x, labels);
  CHECK(trainer.gradients_of(x, labels).correct == 16);
}
