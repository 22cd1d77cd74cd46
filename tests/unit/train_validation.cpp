#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/layers/conv2d.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/layers/input.hpp>
#include <cxrnet/train/classifier.hpp>
#include <cxrnet/train/validation.hpp>

#include "catch.hpp"
#include "data_fixtures.hpp"

using namespace cxrnet;
using namespace cxrnet::test;

TEST_CASE("The mean area under the ROC curves is scikit-learn's", "[train_validation]") {
  // scikit-learn 1.9.1: roc_auc_score(multi_class="ovr", average="macro") is 2 / 3; of the labels below 0.75.
  const std::vector<float> p{0.7F, 0.2F, 0.1F, 0.3F, 0.4F, 0.3F, 0.2F, 0.5F, 0.3F, 0.1F, 0.3F, 0.6F, 0.4F, 0.1F, 0.5F};
  const std::vector<float> classes{1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 1, 0, 1, 0};
  // Each class against the rest: of 2 x 3 pairs 4 are in order, of 2 x 3 two, of 1 x 4 all.
  const double a = 4.0 / 6;
  const double b = 2.0 / 6;
  const double c = 1.0;
  CHECK(mean_roc_auc(p, classes, 3, Labelling::one) == Approx((a + b + c) / 3));
  // A class without a positive does not count.
  std::vector<float> two = classes;
  two[11] = 0;
  two[9] = 1;
  CHECK(std::isfinite(mean_roc_auc(p, two, 3, Labelling::one)));
  // Of two classes the second's; of two labels both.
  const std::vector<float> q{0.9F, 0.1F, 0.2F, 0.3F, 0.4F, 0.6F};
  const std::vector<float> t{1, 0, 0, 1, 1, 0};
  CHECK(mean_roc_auc(q, t, 2, Labelling::one) == 0.5);
  CHECK(mean_roc_auc(q, t, 2, Labelling::several) == 0.75);
  CHECK(std::isnan(mean_roc_auc(q, std::vector<float>{1, 0, 1, 0, 1, 0}, 2, Labelling::one)));
  std::vector<float> broken = q;
  broken[1] = std::numeric_limits<float>::quiet_NaN();
  CHECK(std::isnan(mean_roc_auc(broken, t, 2, Labelling::one)));
}

TEST_CASE("Validation measures the network as it is, from kept features or anew", "[train_validation]") {
  using Net = Seq<Input<5, 6, 3, Rescale<1, 255>>, Freeze<Conv2D<4, 3, Relu>>, GAP, Dense<2, Softmax>>;
  const TemporaryFolder folder;
  for (unsigned i = 0; i < 7; ++i) folder.write((i < 3 ? "a/" : "b/") + std::to_string(i) + ".png", grey_png(6, 5, i));
  const ImageDataset set(list_image_folder(folder.path()), {.size = {5, 6}});
  ClassifierOf<Net, Reference<float>> net(initial_parameters<Net>(3), 3);
  Profile once;
  Profile anew;
  std::atomic<bool> stop{false};
  const std::size_t needed = 7 * net.description().features.size() * sizeof(float);
  Validation keeping(net, set, needed, {.profile = &once, .stop = &stop});
  Validation computing(net, set, needed - 1, {.profile = &anew, .stop = &stop});
  for (const float bias : {0.0F, 1.0F}) {
    std::vector<float> parameters(net.parameters().begin(), net.parameters().end());
    parameters.back() = bias;
    net.set_parameters(parameters);
    const StepResult expected = net.score(predict_all(net, set), targets_of(set, 2));
    for (Validation* validation : {&keeping, &computing}) {
      EpochRecord record;
      REQUIRE(validation->measure(record));
      CHECK(record.val_loss == expected.loss_sum / 7);
      CHECK(record.val_accuracy == expected.correct / 7);
      CHECK(record.val_auc == mean_roc_auc(predict_all(net, set), targets_of(set, 2), 2, Labelling::one));
      CHECK(std::isnan(record.loss));
    }
  }
  CHECK(once.images == 7);
  CHECK(anew.images == 14);
  CHECK(computing.seconds() > 0);
  stop = true;
  EpochRecord record;
  CHECK_FALSE(computing.measure(record));
  CHECK(std::isnan(record.val_loss));
}
