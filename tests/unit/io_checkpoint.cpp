#include <cxrnet/io/checkpoint.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <iostream>
#include <random>
#include <thread>

#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/flatten.hpp>
#include <cxrnet/layers/input.hpp>

#include "catch.hpp"
#include "message.hpp"
#include "temp_folder.hpp"

namespace fs = std::filesystem;
using namespace cxrnet;
using cxrnet::test::has;
using cxrnet::test::message_of;
using cxrnet::test::nothing_thrown;
using cxrnet::test::TempFolder;

namespace {

/// Not flushed to the disk, as `write_atomically` does: these files are many.
void put(const std::filesystem::path& file, std::span<const std::byte> bytes) {
  std::ofstream(file, std::ios::binary).write(reinterpret_cast<const char*>(bytes.data()), std::ssize(bytes));
}

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

/// A state whose every part follows from `steps`.
TrainingState state_of(std::uint64_t steps, std::size_t parameters = 5) {
  TrainingState state;
  state.steps = steps;
  state.epoch = static_cast<int>(steps % 1000);
  state.batches = steps % 7;
  state.samples = 3 * state.batches;
  state.sums = {.loss_sum = 0.1 * static_cast<double>(steps), .correct = static_cast<double>(steps) / 3};
  state.learning_rate = 1e-3 / static_cast<double>(steps + 1);
  state.parameters.assign(parameters, static_cast<float>(steps));
  state.optimizer_state.assign(2 * parameters, static_cast<float>(steps) + 0.5F);
  state.history.epochs.push_back({.epoch = 1, .loss = 1.0 / 3, .accuracy = 0.5, .seconds = static_cast<double>(steps)});
  state.callbacks["early_stopping"] = {{{"best", infinity}, {"wait", 2}}, {}};
  state.callbacks["early_stopping 2"] = {{}, {static_cast<float>(steps)}};
  return state;
}

bool same(double a, double b) { return (std::isnan(a) && std::isnan(b)) || (a == b && std::signbit(a) == std::signbit(b)); }

bool same(const TrainingState& a, const TrainingState& b) {
  const auto record = [](const EpochRecord& x, const EpochRecord& y) {
    return x.epoch == y.epoch && same(x.loss, y.loss) && same(x.accuracy, y.accuracy) && same(x.val_loss, y.val_loss) &&
           same(x.val_accuracy, y.val_accuracy) && same(x.val_auc, y.val_auc) &&
           same(x.seconds, y.seconds) && same(x.learning_rate, y.learning_rate);
  };
  return a.steps == b.steps && a.epoch == b.epoch && a.batches == b.batches && a.samples == b.samples &&
         same(a.sums.loss_sum, b.sums.loss_sum) && same(a.sums.correct, b.sums.correct) &&
         same(a.learning_rate, b.learning_rate) && a.parameters == b.parameters &&
         a.optimizer_state == b.optimizer_state && a.callbacks == b.callbacks &&
         std::equal(a.history.epochs.begin(), a.history.epochs.end(), b.history.epochs.begin(), b.history.epochs.end(),
                    record);
}

void damage(const fs::path& file) {
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekg(-3, std::ios::end);
  const auto byte = static_cast<char>(stream.get() ^ 1);
  stream.seekp(-3, std::ios::end);
  stream.put(byte);
}

/// A process that does `action` and ends there; the process's number.
template <class Action>
pid_t in_another_process(Action action) {
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      action();
    } catch (...) {
      ::_exit(1);
    }
    ::_exit(0);
  }
  REQUIRE(child > 0);
  return child;
}

/// Writes state `next` and ends the process at pause `last` (from 0) as a kill would. Whether it got there.
bool write_until(const fs::path& folder, std::uint64_t next, int last) {
  const pid_t child = in_another_process([&] {
    int pause = 0;
    detail::replace_checkpoint(folder, checkpoint_bytes(state_of(next)), [&] {
      if (pause++ == last) ::_exit(42);
    });
  });
  int status = 0;
  ::waitpid(child, &status, 0);
  REQUIRE(WIFEXITED(status));
  return WEXITSTATUS(status) == 42;
}

fs::path newest_in(const TempFolder& temp) { return temp.path() / checkpoint_file; }
fs::path previous_in(const TempFolder& temp) { return temp.path() / previous_checkpoint_file; }

}  // namespace

TEST_CASE("a checkpoint reads back to the bit, odd numbers too", "[io][checkpoint]") {
  const TempFolder temp;
  TrainingState state = state_of(std::numeric_limits<std::uint64_t>::max());
  state.epoch = std::numeric_limits<int>::max();
  state.batches = std::numeric_limits<std::size_t>::max();
  state.sums = {.loss_sum = 5e-324, .correct = -0.0};
  state.learning_rate = 0.1 + 0.2;
  state.parameters = {-0.0F, 1e-45F, std::numeric_limits<float>::max()};
  state.optimizer_state.clear();
  state.history.epochs.push_back({.epoch = 2, .loss = not_a_number, .accuracy = -infinity, .val_loss = 1e308});
  state.callbacks["name with \"quotes\" and \xc3\xa9"] = {{{"nan-like", -infinity}, {"", 0.1F}}, {1, 2, 3}};
  write_checkpoint(temp.path(), state, {{"weights_sha256", "abc"}, {"empty", ""}});
  const auto read = read_checkpoint(temp.path());
  REQUIRE(read);
  CHECK(same(read->state, state));
  CHECK(read->metadata == std::map<std::string, std::string>{{"weights_sha256", "abc"}, {"empty", ""}});
  CHECK(read->note.empty());
  CHECK(read_safetensors(newest_in(temp)).find("parameters")->values == state.parameters);  // any reader opens it
}

TEST_CASE("the previous checkpoint is kept, and used with a word where the newest is not sound", "[io][checkpoint]") {
  const TempFolder temp;
  CHECK(!read_checkpoint(temp.path()));
  for (const std::uint64_t step : {1U, 2U, 3U}) write_checkpoint(temp.path(), state_of(step));
  CHECK(same(read_checkpoint(temp.path())->state, state_of(3)));
  CHECK(same(detail::read_checkpoint_file(previous_in(temp)).state, state_of(2)));
  CHECK(std::distance(fs::directory_iterator(temp.path()), fs::directory_iterator()) == 2);

  damage(newest_in(temp));
  auto read = read_checkpoint(temp.path());
  CHECK(same(read->state, state_of(2)));
  CHECK(read->note == "'" + newest_in(temp).string() +
                          "' is not sound: its content is not what its SHA-256 says; the run continues from the "
                          "previous checkpoint.");

  // A damaged newest one does not push out the sound one before it.
  write_checkpoint(temp.path(), state_of(4));
  CHECK(same(read_checkpoint(temp.path())->state, state_of(4)));
  CHECK(same(detail::read_checkpoint_file(previous_in(temp)).state, state_of(2)));

  fs::remove(newest_in(temp));
  read = read_checkpoint(temp.path());
  CHECK(same(read->state, state_of(2)));
  CHECK(read->note == "there is no '" + newest_in(temp).string() + "'; the run continues from the previous checkpoint.");
}

TEST_CASE("with no sound checkpoint the error says what is wrong with each", "[io][checkpoint]") {
  const TempFolder temp;
  write_checkpoint(temp.path(), state_of(1));
  damage(newest_in(temp));
  const auto refusal = [&] { return message_of<FormatError>([&] { (void)read_checkpoint(temp.path()); }); };
  CHECK(has(refusal(), newest_in(temp).string() + "' is not sound"));
  CHECK(has(refusal(), "there is no '" + previous_in(temp).string() + "'"));
  write_atomically(previous_in(temp), "no checkpoint");
  CHECK(has(refusal(), newest_in(temp).string() + "' is not sound: its content is not what its SHA-256 says; '" +
                           previous_in(temp).string() + "' is not sound: it is cut short or damaged: neither"));
  fs::remove(newest_in(temp));
  fs::create_directory(newest_in(temp));
  CHECK(has(refusal(), "it is a folder"));
  CHECK(has(message_of<FileError>([&] { write_checkpoint(temp.path(), state_of(2)); }), newest_in(temp).string()));
}

TEST_CASE("every byte of a checkpoint counts", "[io][checkpoint]") {
  const TempFolder temp;
  const std::vector<std::byte> whole = checkpoint_bytes(state_of(12), {{"weights_sha256", "abc"}});
  std::size_t noticed = 0;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::vector<std::byte> bytes = whole;
    bytes[at] ^= std::byte{1} << (at % 8);
    put(newest_in(temp), bytes);
    noticed += message_of<FormatError>([&] { (void)read_checkpoint(temp.path()); }) != nothing_thrown;
  }
  CHECK(noticed == whole.size());
}

TEST_CASE("a sealed file with another content is refused in one sentence", "[io][checkpoint]") {
  const TempFolder temp;
  const auto refusal = [&](const std::string& json, bool tensors = true) {
    NamedTensors file{{}, {{"checkpoint", json}}};
    if (tensors) file.tensors = {{"parameters", {1}, {1}}, {"optimizer_state", {1}, {1}}};
    put(newest_in(temp), sealed_safetensors_bytes(file));
    return message_of<FormatError>([&] { (void)read_checkpoint(temp.path()); });
  };
  const std::string numbers = R"("steps":1,"epoch":0,"batches":0,"samples":0,"loss_sum":0.5,"correct":1,"learning_rate":1)";
  CHECK(refusal("{" + numbers + R"(,"history":[],"callbacks":{}})") == nothing_thrown);
  for (const std::string& json : {
           std::string("{"), std::string("[]"), "{" + numbers + "}", "{" + numbers + R"(,"history":[1],"callbacks":{}})",
           "{" + numbers + R"(,"history":[],"callbacks":{"a":{"b":"c"}}})",
           "{" + numbers + R"(,"history":[],"callbacks":{"a":{}}})",  // whose tensor is not there
           std::string(R"({"steps":-1})"), std::string(R"({"steps":1.5})"), std::string(R"({"steps":"1"})"),
           std::string(R"({"steps":1,"epoch":4294967296})"), std::string(100000, '[')}) {
    INFO(json.substr(0, 100));
    CHECK(has(refusal(json), newest_in(temp).string()));
  }
  CHECK(has(refusal("{" + numbers + R"(,"history":[],"callbacks":{}})", false), "no tensor parameters"));
  write_atomically(newest_in(temp), sealed_safetensors_bytes({{{"parameters", {1}, {1}}}, {}}));
  CHECK(has(message_of<FormatError>([&] { (void)read_checkpoint(temp.path()); }), "another kind of file"));
}

TEST_CASE("a checkpoint's own metadata cannot be given", "[io][checkpoint]") {
  for (const char* taken : {"checkpoint", "sha256"}) {
    CHECK(has(message_of<ArgumentError>([&] { (void)checkpoint_bytes(state_of(1), {{taken, ""}}); }), "other names"));
  }
}

TEST_CASE("a process that ends between any two changes on the disk leaves a sound checkpoint", "[io][checkpoint]") {
  for (int pause = 0;; ++pause) {
    const TempFolder temp;
    write_checkpoint(temp.path(), state_of(1));
    write_checkpoint(temp.path(), state_of(2));
    if (!write_until(temp.path(), 3, pause)) {
      CHECK(pause == 4);  // made, written, kept, replaced
      break;
    }
    const TrainingState left = read_checkpoint(temp.path())->state;
    INFO("after pause " << pause << " step " << left.steps);
    CHECK((same(left, state_of(2)) || same(left, state_of(3))));
    CHECK(remove_leftovers(temp.path()) == (pause < 3 ? 1 : 0));
    write_checkpoint(temp.path(), state_of(4));
    CHECK(same(read_checkpoint(temp.path())->state, state_of(4)));
  }
  // And where the newest was damaged, the previous one outlives the write.
  for (int pause = 0;; ++pause) {
    const TempFolder temp;
    write_checkpoint(temp.path(), state_of(1));
    write_checkpoint(temp.path(), state_of(2));
    damage(newest_in(temp));
    if (!write_until(temp.path(), 3, pause)) {
      CHECK(pause == 3);
      break;
    }
    const TrainingState left = read_checkpoint(temp.path())->state;
    CHECK((same(left, state_of(1)) || same(left, state_of(3))));
  }
}

TEST_CASE("killed at 30 random moments of writing, a sound checkpoint of the sequence is left", "[io][checkpoint]") {
  const TempFolder temp;
  constexpr std::size_t parameters = 50'000;  // 600 KB a checkpoint, about what the reference's head has
  std::mt19937 random(20);
  std::uint64_t step = 1;
  write_checkpoint(temp.path(), state_of(step, parameters));
  int within_write = 0;
  for (int kill = 0; kill < 30; ++kill) {
    const pid_t child = in_another_process([&] {
      for (std::uint64_t next = step + 1;; ++next) write_checkpoint(temp.path(), state_of(next, parameters));
    });
    std::this_thread::sleep_for(std::chrono::microseconds(std::uniform_int_distribution(2'000, 60'000)(random)));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    REQUIRE(WIFSIGNALED(status));
    const auto read = read_checkpoint(temp.path());
    REQUIRE(read);
    REQUIRE(read->state.steps >= step);
    REQUIRE(same(read->state, state_of(read->state.steps, parameters)));
    step = read->state.steps;
    if (remove_leftovers(temp.path()) > 0) ++within_write;
  }
  std::cout << "30 kills while checkpoints were written, " << within_write << " of them within a write, up to step "
            << step << '\n';
  CHECK(within_write > 0);
  CHECK(step > 1);
}

TEST_CASE("a network's signature is its parameters' names, shapes and what trains of them", "[io][checkpoint]") {
  using A = Seq<Input<1, 1, 3>, Flatten, Dense<2>>;
  using Frozen3 = Seq<Input<1, 1, 3>, Flatten, Freeze<Dense<2>>, Dense<2>>;
  using Free3 = Seq<Input<1, 1, 3>, Flatten, Dense<2>, Dense<2>>;
  const std::string a = network_signature(description_of<A>);
  CHECK(a.size() == 64);
  CHECK(a == network_signature(description_of<A>));
  CHECK(network_signature(description_of<Free3>) != a);
  CHECK(network_signature(description_of<Free3>) != network_signature(description_of<Frozen3>));
  CHECK(network_signature(description_of<Seq<Input<1, 1, 4>, Flatten, Dense<2>>>) != a);
}
