#include <cxrnet/data/schedule.hpp>

#include "data_fixtures.hpp"
#include "shared.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <set>

using namespace cxrnet;
using namespace cxrnet::test;

namespace {

std::vector<ScheduledSample> planned(const Schedule& schedule, std::uint32_t epoch, std::size_t samples,
                                     std::size_t batch) {
  std::vector<ScheduledSample> plan;
  schedule.plan(epoch, samples, batch, plan);
  return plan;
}

std::vector<std::uint32_t> order(const std::vector<ScheduledSample>& plan) {
  std::vector<std::uint32_t> result;
  for (const auto& sample : plan) result.push_back(sample.index);
  return result;
}

std::vector<double> values(const TransformParameters& p) {
  return {p.theta, p.tx, p.ty, p.shear, p.zx, p.zy, p.flip_horizontal ? 1.0 : 0.0, p.flip_vertical ? 1.0 : 0.0};
}

constexpr ImageSize size{224, 224};

}  // namespace

TEST_CASE("validation goes through the folder in order, unchanged", "[schedule]") {
  const auto plan = planned(Schedule::sequential(), 3, 5, 2);
  CHECK(order(plan) == std::vector<std::uint32_t>{0, 1, 2, 3, 4});
  for (const auto& sample : plan) CHECK(values(sample.transform) == values({}));
}

TEST_CASE("views repeat the first epochs' transforms in the order of every epoch's own", "[schedule]") {
  for (const bool keras : {false, true}) {
    const Schedule fresh = keras ? Schedule::keras(11, draws_of<ReferenceAugment>, size)
                                 : Schedule::counter(11, draws_of<ReferenceAugment>, size);
    const Schedule views = fresh.with_views(2);
    const auto by_image = [](const std::vector<ScheduledSample>& plan) {
      std::vector<std::vector<double>> transforms(plan.size());
      for (const auto& sample : plan) transforms[sample.index] = values(sample.transform);
      return transforms;
    };
    for (std::uint32_t epoch = 0; epoch < 5; ++epoch) {
      const auto plan = planned(views, epoch, 20, 8);
      CHECK(order(plan) == order(planned(fresh, epoch, 20, 8)));
      CHECK(by_image(plan) == by_image(planned(fresh, epoch % 2, 20, 8)));
      CHECK((by_image(plan) == by_image(planned(fresh, epoch, 20, 8))) == (epoch < 2));
    }
  }
  CHECK_THROWS_AS(Schedule::sequential().with_views(0), ArgumentError);
  CHECK_THROWS_AS(Schedule::balanced(1, draws_of<ReferenceAugment>, size, std::vector{0, 1}).with_views(2), ArgumentError);
}

TEST_CASE("the counter's transforms depend on seed, epoch and sample alone", "[schedule]") {
  const auto schedule = Schedule::counter(11, draws_of<ReferenceAugment>, size);
  const auto plan = planned(schedule, 2, 100, 32);
  auto sorted = order(plan);
  std::ranges::sort(sorted);
  CHECK(sorted == order(planned(Schedule::sequential(), 0, 100, 32)));
  CHECK(order(plan) != sorted);
  CHECK(order(plan) == order(planned(schedule, 2, 100, 7)));
  CHECK(order(plan) != order(planned(schedule, 3, 100, 32)));
  CHECK(order(plan) != order(planned(Schedule::counter(12, draws_of<ReferenceAugment>, size), 2, 100, 32)));

  const auto unshuffled = Schedule::counter(11, draws_of<ReferenceAugment>, size, Order::sequential);
  const auto in_order = planned(unshuffled, 2, 100, 32);
  std::set<double> thetas;
  for (const auto& sample : plan) {
    CHECK(values(sample.transform) == values(in_order[sample.index].transform));
    thetas.insert(sample.transform.theta);
  }
  CHECK(thetas.size() == 100);
}

TEST_CASE("every order is about equally likely", "[schedule]") {
  std::array<int, 6> counts{};
  for (std::uint32_t epoch = 0; epoch < 6000; ++epoch) {
    const auto plan = planned(Schedule::counter(1, draws_of<NoAugment>, size), epoch, 3, 3);
    ++counts[plan[0].index * 2 + (plan[1].index > plan[2].index ? 1 : 0)];
  }
  double chi_squared = 0.0;
  for (const int count : counts) chi_squared += (count - 1000.0) * (count - 1000.0) / 1000.0;
  CHECK(chi_squared < 20.5);  // Five degrees of freedom: one seed in a thousand exceeds this.
}

TEST_CASE("balanced epochs have as many images of every class", "[schedule]") {
  // 2 of class 0, 7 of class 1, 1 of class 2.
  const std::vector<int> labels{1, 0, 1, 1, 2, 1, 1, 0, 1, 1};
  const auto schedule = Schedule::balanced(3, draws_of<ReferenceAugment>, size, labels);
  REQUIRE(schedule.epoch_size(10) == 12);
  std::set<std::uint32_t> of_one;
  std::set<std::vector<std::uint32_t>> orders;
  for (std::uint32_t epoch = 0; epoch < 20; ++epoch) {
    const auto plan = planned(schedule, epoch, 10, 4);
    REQUIRE(plan.size() == 12);
    std::array<int, 10> times{};
    std::set<double> thetas;
    for (const auto& sample : plan) {
      ++times[sample.index];
      thetas.insert(sample.transform.theta);
      if (labels[sample.index] == 1) of_one.insert(sample.index);
    }
    CHECK(thetas.size() == 12);  // an image that comes again is transformed anew
    CHECK((times[1] == 2 && times[7] == 2));
    CHECK(times[4] == 4);
    for (const std::size_t i : {0U, 2U, 3U, 5U, 6U, 8U, 9U}) CHECK(times[i] <= 1);
    orders.insert(order(plan));
    CHECK(order(plan) == order(planned(schedule, epoch, 10, 12)));
  }
  CHECK(of_one.size() == 7);
  CHECK(orders.size() == 20);
  CHECK(planned(Schedule::balanced(4, draws_of<NoAugment>, size, labels), 0, 10, 4)[0].index < 10);
  CHECK_THROWS_AS(Schedule::balanced(3, draws_of<NoAugment>, size, std::vector<int>{0, 2}), ArgumentError);
  CHECK_THROWS_AS(Schedule::balanced(3, draws_of<NoAugment>, size, std::vector<int>{0, 0, 2}), ArgumentError);
  CHECK_THROWS_AS(Schedule::balanced(3, draws_of<NoAugment>, size, std::vector<int>{0, -1}), ArgumentError);
}

TEST_CASE("Keras's schedule refuses what Keras has not", "[schedule]") {
  using Reversed = Augment<Zoom<0.2>, Rotate<20>>;
  CHECK(has(message_of<ArgumentError>([] { (void)Schedule::keras(1, draws_of<Reversed>, size); }),
                 "cannot draw this list"));
  CHECK(has(message_of<ArgumentError>([] { (void)Schedule::keras(1ULL << 32U, draws_of<NoAugment>, size); }),
                 "too large for numpy"));
  const auto late = Schedule::keras((1ULL << 32U) - 2, draws_of<NoAugment>, size);
  CHECK_NOTHROW(planned(late, 0, 4, 2));
  CHECK(has(message_of<ArgumentError>([&] { (void)planned(late, 1, 4, 2); }), "exceed numpy's largest seed"));
  CHECK_THROWS_AS(planned(late, 0, 4, 0), ArgumentError);
}

TEST_CASE("Keras's later epochs follow from the seed without the earlier ones", "[schedule]") {
  // np.random.seed(7), permutation(10), then for each image what get_random_transform draws for this list: one uniform
  // for theta and two for the flips; then permutation(10) again: with one batch, both orders come from the same state.
  using Turn = Augment<Rotate<20>>;
  LegacyRandomState random(7);
  std::vector<std::uint32_t> expected(10);
  random.permutation(expected);
  const auto schedule = Schedule::keras(7, draws_of<Turn>, size);
  CHECK(order(planned(schedule, 0, 10, 32)) == expected);
  for (int i = 0; i < 30; ++i) (void)random.random_sample();
  random.permutation(expected);
  const auto second = planned(schedule, 1, 10, 32);
  CHECK(order(second) == expected);
  LegacyRandomState reseeded(8);
  CHECK(second[0].transform.theta == reseeded.uniform(-20.0, 20.0));
  for (int i = 0; i < 29; ++i) (void)reseeded.random_sample();
  reseeded.permutation(expected);
  CHECK(order(planned(schedule, 2, 10, 32)) == expected);
}

TEST_CASE("order, labels and transforms of the golden batches", "[schedule][golden]") {
  const auto shared = shared_or_skip("golden/batches");
  if (!shared) return;
  std::ifstream in(*shared / "golden/batches/seed7.json");
  const auto golden = nlohmann::json::parse(in);
  const auto names = golden["filenames"].get<std::vector<std::string>>();
  const auto schedule = Schedule::keras(7, draws_of<ReferenceAugment>, size);
  REQUIRE(golden["epochs"].size() == 2);
  double worst = 0.0;
  for (std::uint32_t epoch = 0; epoch < 2; ++epoch) {
    const auto plan = planned(schedule, epoch, names.size(), 32);
    std::size_t next = 0;
    for (const auto& batch : golden["epochs"][epoch]) {
      for (std::size_t i = 0; i < batch["files"].size(); ++i, ++next) {
        REQUIRE(names[plan[next].index] == batch["files"][i]);
        const auto got = values(plan[next].transform);
        for (std::size_t k = 0; k < 8; ++k) {
          worst = std::max(worst, std::abs(got[k] - static_cast<double>(batch["transforms"][i][k])));
        }
      }
    }
    CHECK(next == names.size());
  }
  INFO("worst parameter " << worst);
  CHECK(worst < 1e-12);
}
