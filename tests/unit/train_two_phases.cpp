#include <cxrnet/backend/cpu/cpu.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/models/vgg16.hpp>
#include <cxrnet/train/classifier.hpp>
#include <cxrnet/train/fit.hpp>

#include "catch.hpp"
#include "data_fixtures.hpp"
#include "quoted.hpp"

#include <algorithm>

using namespace cxrnet;
using namespace cxrnet::test;

namespace {

// example-begin
template <class Training>
using Net = Seq<VGG16Backbone<Training>, GAP, Dense<128, Relu>, Dense<2, Softmax>>;

/// The head on a frozen backbone; then, slowly, VGG16's fifth block too.
std::vector<float> train_in_two_phases(std::vector<float> parameters, const ImageDataset& images,
                                       const ImageDataset& validation, FitOptions options) {
  const int batch = static_cast<int>(options.batch);
  ClassifierOf<Net<Frozen>, Cpu> head(std::move(parameters), batch);
  fit(head, images, &validation, options);

  parameters.assign(head.parameters().begin(), head.parameters().end());
  ClassifierOf<Net<FreezeThrough<4>>, Cpu> net(std::move(parameters), batch, options.seed, Adam{.learning_rate = 1e-5});
  fit(net, images, &validation, options);
  return {net.parameters().begin(), net.parameters().end()};
}
// example-end

}  // namespace

TEST_CASE("Unfreezing is another type of the same parameters", "[train_two_phases][slow]") {
  STATIC_REQUIRE(Traits<Net<Frozen>>::parameter_count == Traits<Net<FreezeThrough<4>>>::parameter_count);
  const TemporaryFolder folder;
  unsigned seed = 0;
  for (const char* name : {"a/1.png", "a/2.png", "b/1.png", "b/2.png"}) folder.write(name, grey_png(20, 16, ++seed));
  const ImageDataset images(list_image_folder(folder.path()));
  const std::vector<float> start = initial_parameters<Net<Frozen>>(1);
  const std::vector<float> trained = train_in_two_phases(start, images, images, {.epochs = 1, .batch = 4});
  REQUIRE(trained.size() == start.size());
  const auto parameters = [](auto const& infos) { return std::vector<ParameterInfo>(infos.begin(), infos.end()); };
  const auto before = parameters(Traits<Net<Frozen>>::parameters);
  const auto after = parameters(Traits<Net<FreezeThrough<4>>>::parameters);
  for (std::size_t i = 0; i < before.size(); ++i) {
    CAPTURE(before[i].name.view());
    CHECK(before[i].name.view() == after[i].name.view());
    CHECK(before[i].offset == after[i].offset);
    const auto first = static_cast<std::ptrdiff_t>(before[i].offset);
    const auto last = first + static_cast<std::ptrdiff_t>(before[i].parameter.size());
    const bool same = std::equal(start.begin() + first, start.begin() + last, trained.begin() + first);
    const std::string_view name = before[i].name.view();
    CHECK(same == (name.starts_with("block") && !name.starts_with("block5")));
  }
}

TEST_CASE("docs/finetuning.md quotes this file and an example", "[train_two_phases]") {
  CHECK(doc_quotes("finetuning.md", "train_two_phases.cpp"));
  CHECK(doc_quotes("finetuning.md", "../../examples/own_network.cpp"));
}
