#include <cxrnet/backend/cuda/cuda.hpp>
#include <cxrnet/backend/onednn/onednn.hpp>
#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/layers/batch_norm.hpp>
#include <cxrnet/layers/conv2d.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/dropout.hpp>
#include <cxrnet/layers/flatten.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/layers/input.hpp>
#include <cxrnet/layers/max_pool.hpp>
#include <cxrnet/layers/residual.hpp>
#include <cxrnet/train/sgd.hpp>
#include <cxrnet/train/trainer.hpp>

#include "catch.hpp"
#include "message.hpp"
#include "network.hpp"
#include "npy.hpp"
#include "shared.hpp"
#include "simulated_device.hpp"

#include <cmath>
#include <fstream>
#include <iostream>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>

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
  const SimulatedDevice device;
  run_golden<CudaOn<Float, SimulatedDevice>>(*shared / "golden/head");
  CHECK(device.hazards == std::vector<std::string>{});
}

namespace {

/// A convolutional network that ends in `End`, with random targets and weights: gradients of `loss` against central
/// differences.
template <class End, class Loss>
double loss_gradient_error(Loss loss) {
  using Net = Seq<Input<5, 5, 2>, Conv2D<3, 3, Same, Relu>, BatchNorm<>, Residual<Conv2D<3, 3, Same, Relu>>, MaxPool<2>,
                  Dropout<0.25>, GAP, Dense<3, End>>;
  using T = Traits<Net>;
  // Small ones, since clipped probabilities have no gradient to meet.
  Model<Net, Reference<double>> model(random_values<double>(T::parameter_count, 1, -0.3, 0.3), 4);
  Trainer<Net, Reference<double>, Adam, Loss> trainer(model, {}, 9, loss);
  const auto features = random_values<float>(4 * T::features.size(), 2);
  const auto targets = random_values<float>(4 * 3, 3, 0, 1);
  const auto weights = random_values<float>(4, 4, 0, 3);
  trainer.gradients_of(features, targets, weights);
  std::vector<double> analytic;
  std::vector<double> numeric;
  const std::vector<double> found(trainer.gradients().begin(), trainer.gradients().end());
  for (const ParameterInfo& info : T::parameters) {
    for (std::size_t k = 0; info.trains && k < info.parameter.size(); ++k) {
      const auto loss_at = [&](double change) {
        model.set_trainable([&](std::span<double> p) { p[info.offset + k] += change; });
        const double sum = trainer.gradients_of(features, targets, weights).loss_sum / 4;
        model.set_trainable([&](std::span<double> p) { p[info.offset + k] -= change; });
        return sum;
      };
      analytic.push_back(found[info.gradient + k]);
      numeric.push_back((loss_at(1e-6) - loss_at(-1e-6)) / 2e-6);
    }
  }
  REQUIRE(analytic.size() == T::trainable_count);
  return relative_error(analytic, numeric);
}

}  // namespace

TEST_CASE("The gradient of each loss meets central differences, with weights and soft targets", "[train_trainer]") {
  CHECK(loss_gradient_error<Softmax>(CategoricalCrossentropy{}) < 1e-7);
  CHECK(loss_gradient_error<Softmax>(CategoricalCrossentropy{.label_smoothing = 0.2}) < 1e-7);
  CHECK(loss_gradient_error<Sigmoid>(BinaryCrossentropy{}) < 1e-7);
  CHECK(loss_gradient_error<Sigmoid>(BinaryCrossentropy{.label_smoothing = 0.2}) < 1e-7);
}

namespace {

/// Four weighted steps of a small network with batch normalisation, as Keras made them: the losses, what the network
/// then predicts for two samples, and all its parameters.
struct KerasRun {
  std::vector<double> losses;
  std::vector<double> predictions;
  std::vector<double> parameters;
};

template <class End, class Optimizer, class Loss>
void check_run(Optimizer optimizer, Loss loss, Clip clip, const std::vector<float>& targets, const KerasRun& keras) {
  using Net = Seq<Input<1, 1, 3>, Flatten, Dense<4, Relu>, BatchNorm<0.9>, Dense<2, End>>;
  using T = Traits<Net>;
  auto start = initial_parameters<Net, double>(1);
  for (const ParameterInfo& info : T::parameters) {
    if (info.parameter.role != "kernel" && info.parameter.role != "bias") continue;
    for (std::size_t k = info.offset; k < info.offset + info.parameter.size(); ++k) {
      start[k] = 0.5 * std::sin(static_cast<double>(k + 1));
    }
  }
  std::vector<float> x(15);
  for (std::size_t i = 0; i < 15; ++i) x[i] = static_cast<float>(std::cos(static_cast<double>(i + 1)));
  const std::vector<float> weights{2, 1, 0.5F, 1, 0};
  Model<Net, Reference<double>> model(start, 5);
  Trainer<Net, Reference<double>, Optimizer, Loss> trainer(model, optimizer, 0, loss, clip);
  for (const double expected : keras.losses) {
    CHECK(trainer.step(x, targets, weights).loss_sum / 5 == Approx(expected).epsilon(1e-6));
  }
  std::vector<float> predictions(4);
  model.predict_features(std::span(x).first(6), predictions);
  CHECK(relative_error(predictions, keras.predictions) < 1e-6);
  CHECK(relative_error(model.parameters(), keras.parameters) < 1e-6);
}

}  // namespace

// Keras 3.15.1 on JAX in float64: the same layers, compile(optimizer, loss) and four train_on_batch with sample_weight.
TEST_CASE("Steps with smoothing, weights, clipping, decay and moving averages are Keras's", "[train_trainer]") {
  check_run<Sigmoid>(AdamW{.learning_rate = 0.05, .weight_decay = 0.1}, BinaryCrossentropy{.label_smoothing = 0.1},
                     {ClipBy::global_norm, 0.5}, {1, 0, 0, 0, 1, 1, 0, 1, 1, 0},
                     {{0.599955583, 0.547517222, 0.511320102, 0.477337527},
                      {0.633219798, 0.20032557, 0.535091529, 0.354864077},
                      {0.35296493, 0.247952881, 0.240512496, -0.370889794, -0.651481994, -0.335166078,
                       0.510571317, 0.484859496, 0.211734391, -0.46286603, -0.295003114, -0.262960839,
                       0.335309418, 0.567430077, 0.120234814, -0.141094146, 1.17853939, 0.825422999,
                       0.793335135, 0.980149501, 0.0631283888, 0.190206128, -0.140681089, 0.00826344831,
                       0.102371201, 0.241363615, 0.136156395, 0, 0.662463009, 0.76954627, 0.693834305,
                       0.656099916, 0.686986422, 0.0692495908, -0.014646708, -0.677057437, -0.121966046,
                       -0.0190678313, 0.475319437, 0.250022416, 0.0391988217, -0.636278212}});
  check_run<Softmax>(Sgd{.learning_rate = 0.2, .momentum = 0.9, .nesterov = Nesterov::yes},
                     CategoricalCrossentropy{.label_smoothing = 0.1}, {ClipBy::norm, 0.3}, {1, 0, 0, 1, 1, 0, 0, 1, 1, 0},
                     {{0.592653396, 0.471356317, 0.341456466, 0.238902641},
                      {0.86372886, 0.13627114, 0.453963814, 0.546036186},
                      {0.360979988, 0.422302601, 0.105301622, -0.378401248, -0.568150559, -0.190560767,
                       0.405074927, 0.494679123, 0.169977629, -0.294616449, -0.451982261, -0.268286459,
                       0.180106164, 0.498243198, 0.304052882, -0.143951658, 1.24211101, 1.25819278,
                       0.744670799, 1, -0.0167968036, -0.0195628007, 0.0268627393, -0.00674519025,
                       0.0836784169, 0.225428566, 0.155446991, 0, 0.668685615, 0.754650354, 0.703491211,
                       0.656099916, 0.822316159, -0.0578188859, 0.0921432284, -0.80212399, -0.0703511129,
                       -0.103233664, 0.481912002, 0.372542272, -0.14100077, -0.396571339}});
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

TEST_CASE("Labels are targets of one 1, and weights one a sample", "[train_trainer]") {
  Model<Small, Reference<float>> model(4, 1);
  Trainer<Small, Reference<float>> trainer(model);
  const auto x = random_values<float>(3 * 12, 2);
  const auto run = [&](auto... batch) {
    const StepResult result = trainer.gradients_of(x, std::span(batch)...);
    std::vector<float> all(trainer.gradients().begin(), trainer.gradients().end());
    all.push_back(static_cast<float>(result.loss_sum));
    all.push_back(static_cast<float>(result.correct));
    return all;
  };
  const std::vector<int> labels{2, 0, 1};
  const std::vector<float> targets{0, 0, 1, 1, 0, 0, 0, 1, 0};
  const auto plain = run(labels);
  CHECK(run(targets) == plain);
  CHECK(run(labels, std::vector<float>(3, 1)) == plain);
  CHECK(run(targets, std::vector<float>{1, 2, 0}) != plain);
  CHECK(run(targets, std::vector<float>{1, 2, 0}) == run(labels, std::vector<float>{1, 2, 0}));
  // A sample of weight 0 may be anything.
  CHECK(run(std::vector{2, 0, 0}, std::vector<float>{1, 1, 0}).front() ==
        run(std::vector{2, 0, 1}, std::vector<float>{1, 1, 0}).front());
  const auto refusal = message_of<ArgumentError>([&] { trainer.step(x, labels, std::vector<float>(2, 1)); });
  CHECK(refusal == "A training batch of 3 samples has as many weights or none, not 2.");
}

namespace {

using Grouped = Seq<Input<2, 2, 3>, Group<"body", Flatten, Dense<4, Relu>>, Dense<3, Relu>, Group<"still", Freeze<Dense<3>>>,
                    Softmax>;

/// How far each parameter of Grouped went in a step.
std::vector<double> went(std::vector<std::pair<const char*, double>> rates) {
  Model<Grouped, Reference<double>> model(random_values<double>(Traits<Grouped>::parameter_count, 3), 2);
  Trainer<Grouped, Reference<double>, Sgd> trainer(model, Sgd{.learning_rate = 0.5, .weight_decay = 0.25});
  for (const auto& [group, factor] : rates) trainer.set_group_rate(group, factor);
  std::vector<double> change(model.parameters().begin(), model.parameters().end());
  trainer.step(random_values<float>(24, 4), std::array{0, 2});
  for (std::size_t i = 0; i < change.size(); ++i) change[i] = model.parameters()[i] - change[i];
  return change;
}

}  // namespace

TEST_CASE("Groups of layers have rates of their own, decay included", "[train_trainer]") {
  const auto plain = went({});
  const auto slow = went({{"body", 0.1}, {"head", 2}});
  const auto none = went({{"body", 0}, {"head", 1}});
  for (std::size_t i = 0; i < plain.size(); ++i) {
    const double factor = i < 52 ? 0.1 : 2;
    CHECK(slow[i] == Approx(factor * plain[i]).epsilon(1e-9));
    CHECK(none[i] == (i < 52 ? 0 : plain[i]));
  }
  CHECK(std::count(plain.begin(), plain.end(), 0.0) == 12);  // what is frozen
  const auto refusal = [](const char* group, double factor) {
    return message_of<ArgumentError>([&] { went({{group, factor}}); });
  };
  CHECK(refusal("neck", 1) == "No group of layers named 'neck' trains; those that do are 'body', 'head'.");
  CHECK(has(refusal("still", 1), "No group of layers named 'still' trains"));
  CHECK(has(refusal("body", -1), "0 or more"));
  CHECK(has(refusal("body", std::numeric_limits<double>::infinity()), "0 or more"));
}

TEST_CASE("Clipping bounds what a step changes", "[train_trainer]") {
  const auto length = [](Clip clip) {
    Model<Small, Reference<double>> model(random_values<double>(Traits<Small>::parameter_count, 3), 2);
    Trainer<Small, Reference<double>, Sgd> trainer(model, Sgd{.learning_rate = 1}, 0, {}, clip);
    const std::vector<double> before(model.parameters().begin(), model.parameters().end());
    trainer.step(random_values<float>(24, 4), std::array{0, 2});
    return std::sqrt(std::inner_product(before.begin(), before.end(), model.parameters().begin(), 0.0, std::plus<>(),
                                        [](double a, double b) { return (a - b) * (a - b); }));
  };
  CHECK(length({}) > 0.2);
  CHECK(length({ClipBy::global_norm, 0.125}) == Approx(0.125));
  CHECK(length({ClipBy::value, 1e-3}) <= 1e-3 * std::sqrt(static_cast<double>(Traits<Small>::parameter_count)));
  CHECK(has(message_of<ArgumentError>([&] { length({ClipBy::norm, 0}); }), "a limit above 0"));
}

TEST_CASE("A parameter updated in blocks is updated as a whole", "[train_trainer]") {
  using Net = Seq<Input<1, 1, 600>, Flatten, Dense<64>, Dense<2, Softmax>>;
  using T = Traits<Net>;
  static_assert(T::parameters[0].parameter.size() > parallel_grain);
  Model<Net, Reference<float>> model(2, 1);
  Trainer<Net, Reference<float>> trainer(model);
  std::vector<float> whole(model.parameters().begin(), model.parameters().end());
  std::vector<float> m(whole.size());
  std::vector<float> v(whole.size());
  const auto x = random_values<float>(2 * 600, 2);
  for (const std::uint64_t step : {1U, 2U}) {
    trainer.step(x, std::array{0, 1});
    Adam{}.step<float>({step, Adam{}.learning_rate, 0}, whole, trainer.gradients(), {m, v});
  }
  CHECK(relative_error(model.parameters(), whole) < 1e-6);
}

TEST_CASE("A trainer refuses options that make no sense", "[train_trainer]") {
  Model<Small, Reference<float>> model(2, 1);
  const auto refusal = [&](Adam adam, CategoricalCrossentropy loss) {
    return message_of<ArgumentError>([&] { Trainer<Small, Reference<float>>(model, adam, 0, loss); });
  };
  CHECK(has(refusal({.beta_1 = 1}, {}), "Adam's betas"));
  CHECK(has(refusal({.learning_rate = -1}, {}), "not below 0"));
  CHECK(has(refusal({}, {.label_smoothing = 2}), "from 0 to 1"));
}

TEST_CASE("Training goes on from its state as if it had never stopped", "[train_trainer]") {
  using Net = Seq<Input<1, 1, 64>, Flatten, Dense<8, Relu>, BatchNorm<>, Dropout<0.5>, Dense<2, Softmax>>;
  const auto x = random_values<float>(4 * 64, 2);
  const std::array labels{0, 1, 0, 1};
  const auto train = [&](Trainer<Net, OneDnn>& trainer) { for (int i = 0; i < 3; ++i) trainer.step(x, labels); };
  const auto list = [](std::span<const float> values) { return std::vector<float>(values.begin(), values.end()); };
  Model<Net, OneDnn> model(4, 2);
  Trainer<Net, OneDnn> trainer(model, {}, 5);
  CHECK(trainer.optimizer_state().size() == 2 * Traits<Net>::trainable_count);
  train(trainer);
  const auto parameters = list(model.parameters());
  const auto state = list(trainer.optimizer_state());
  train(trainer);

  Model<Net, OneDnn> other(parameters, 4);
  Trainer<Net, OneDnn> later(other, {}, 5);
  later.restore(state, 3);
  train(later);
  CHECK(later.steps() == 6);
  CHECK(list(other.parameters()) == list(model.parameters()));
  CHECK(list(later.optimizer_state()) == list(trainer.optimizer_state()));

  // Neither the moments nor the count of steps may be left out.
  for (const bool forgets_steps : {true, false}) {
    Model<Net, OneDnn> third(parameters, 4);
    Trainer<Net, OneDnn> wrong(third, {}, 5);
    if (forgets_steps) wrong.restore(state, 0);
    train(wrong);
    CHECK(list(third.parameters()) != list(model.parameters()));
  }
  CHECK(has(message_of<ArgumentError>([&] { later.restore(std::span(state).first(9), 1); }), "9 were given"));
  CHECK(later.steps() == 6);
}
