// What checkpoint.hpp declares.
#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

#include <nlohmann/json.hpp>

#include <cxrnet/core/error.hpp>
#include <cxrnet/io/checkpoint.hpp>
#include <cxrnet/train/history.hpp>

namespace cxrnet {

namespace detail {

using CheckpointJson = nlohmann::ordered_json;

/// Calls `field(key, member)` for everything of a record that is a number. A member more does not compile here.
template <class Record, class Field>
  requires std::same_as<std::remove_const_t<Record>, TrainingState>
void each_number(Record& state, Field field) {
  auto& [steps, epoch, batches, samples, sums, learning_rate, parameters, optimizer_state, history, callbacks] = state;
  auto& [loss_sum, correct] = sums;
  field("steps", steps);
  field("epoch", epoch);
  field("batches", batches);
  field("samples", samples);
  field("loss_sum", loss_sum);
  field("correct", correct);
  field("learning_rate", learning_rate);
}
template <class Record, class Field>
  requires std::same_as<std::remove_const_t<Record>, EpochRecord>
void each_number(Record& record, Field field) {
  auto& [epoch, loss, accuracy, val_loss, val_accuracy, val_auc, seconds, learning_rate] = record;
  field("epoch", epoch);
  field("loss", loss);
  field("accuracy", accuracy);
  field("val_loss", val_loss);
  field("val_accuracy", val_accuracy);
  field("val_auc", val_auc);
  field("seconds", seconds);
  field("learning_rate", learning_rate);
}

/// A number that reads back exactly; JSON has no word for one that is not finite.
template <class Number>
CheckpointJson json_of_number(Number number) {
  if constexpr (std::floating_point<Number>) {
    if (!std::isfinite(number)) return std::isnan(number) ? "nan" : number > 0 ? "inf" : "-inf";
  }
  return number;
}

template <class Number>
Number number_of_json(const CheckpointJson& json) {
  using Limits = std::numeric_limits<Number>;
  if constexpr (std::floating_point<Number>) {
    if (json.is_number()) return json.get<Number>();
    if (json == "nan") return Limits::quiet_NaN();
    if (json == "inf") return Limits::infinity();
    if (json == "-inf") return -Limits::infinity();
  } else if (json.is_number_unsigned() && json.get<std::uint64_t>() <= static_cast<std::uint64_t>(Limits::max())) {
    return json.get<Number>();
  }
  throw FormatError("a number in it is none");
}

template <class Record>
CheckpointJson json_of_record(const Record& record) {
  CheckpointJson json;
  each_number(record, [&](const char* key, const auto& number) { json[key] = json_of_number(number); });
  return json;
}

template <class Record>
Record record_of_json(const CheckpointJson& json) {
  Record record;
  each_number(record, [&](const char* key, auto& number) {
    number = number_of_json<std::remove_reference_t<decltype(number)>>(json.at(key));
  });
  return record;
}

inline constexpr std::string_view callback_prefix = "callback.";

/// The metadata `checkpoint` are all that is no tensor.
inline NamedTensors tensors_of(const TrainingState& state, std::map<std::string, std::string> metadata) {
  CheckpointJson json = json_of_record(state);
  json["history"] = CheckpointJson::array();
  for (const EpochRecord& epoch : state.history.epochs) json["history"].push_back(json_of_record(epoch));
  json["callbacks"] = CheckpointJson::object();
  NamedTensors tensors{{{"parameters", {state.parameters.size()}, state.parameters},
                        {"optimizer_state", {state.optimizer_state.size()}, state.optimizer_state}},
                       std::move(metadata)};
  for (const auto& [name, callback] : state.callbacks) {
    CheckpointJson& numbers = json["callbacks"][name] = CheckpointJson::object();
    for (const auto& [key, number] : callback.numbers) numbers[key] = json_of_number(number);
    tensors.tensors.push_back({std::string(callback_prefix) + name, {callback.values.size()}, callback.values});
  }
  tensors.metadata["checkpoint"] = json.dump();
  return tensors;
}

inline Checkpoint checkpoint_of(NamedTensors tensors) {
  const auto values = [&](const std::string& name) {
    const NamedTensor* tensor = tensors.find(name);
    if (tensor == nullptr) throw FormatError("it has no tensor " + shown(name));
    return tensor->values;
  };
  const auto text = tensors.metadata.find("checkpoint");
  if (text == tensors.metadata.end()) throw FormatError("it is another kind of file");
  const CheckpointJson json = CheckpointJson::parse(text->second);
  Checkpoint checkpoint{record_of_json<TrainingState>(json), {}, {}};
  TrainingState& state = checkpoint.state;
  state.parameters = values("parameters");
  state.optimizer_state = values("optimizer_state");
  for (const CheckpointJson& epoch : json.at("history")) {
    state.history.epochs.push_back(record_of_json<EpochRecord>(epoch));
  }
  for (const auto& [name, numbers] : json.at("callbacks").items()) {
    CallbackState& callback = state.callbacks[name];
    for (const auto& [key, number] : numbers.items()) callback.numbers[key] = number_of_json<double>(number);
    callback.values = values(std::string(callback_prefix) + name);
  }
  tensors.metadata.erase(text);
  checkpoint.metadata = std::move(tensors.metadata);
  return checkpoint;
}

CXRNET_INLINE Checkpoint read_checkpoint_file(const std::filesystem::path& file) {
  NamedTensors tensors = read_sealed_safetensors(file);
  const auto fail = [&](const std::string& why) {
    throw FormatError("'" + file.string() + "' is no checkpoint of this version: " + why);
  };
  try {
    return checkpoint_of(std::move(tensors));
  } catch (const nlohmann::json::exception& error) {
    fail(error.what());
  } catch (const FormatError& error) {
    fail(error.what());
  }
  return {};
}

}  // namespace detail

CXRNET_INLINE std::vector<std::byte> checkpoint_bytes(const TrainingState& state, std::map<std::string,
    std::string> metadata) {
  if (metadata.contains("checkpoint") || metadata.contains("sha256")) {
    throw ArgumentError("A checkpoint has metadata `checkpoint` and `sha256` of its own: choose other names.");
  }
  return sealed_safetensors_bytes(detail::tensors_of(state, std::move(metadata)));
}

CXRNET_INLINE void write_checkpoint(const std::filesystem::path& folder, const TrainingState& state,
    std::map<std::string, std::string> metadata) {
  detail::replace_checkpoint(folder, checkpoint_bytes(state, std::move(metadata)), [] {});
}

CXRNET_INLINE std::optional<Checkpoint> read_checkpoint(const std::filesystem::path& folder) {
  std::string faults;
  bool any = false;
  for (const std::string_view name : {checkpoint_file, previous_checkpoint_file}) {
    const std::filesystem::path file = folder / name;
    if (!faults.empty()) faults += "; ";
    try {
      if (!std::filesystem::exists(file)) {
        faults += "there is no '" + file.string() + "'";
        continue;
      }
      any = true;
      Checkpoint checkpoint = detail::read_checkpoint_file(file);
      if (!faults.empty()) checkpoint.note = faults + "the run continues from the previous checkpoint.";
      return checkpoint;
    } catch (const FileError& error) {
      faults += error.what();
    }
  }
  if (!any) return std::nullopt;
  throw FormatError(faults + ": neither checkpoint can be used, so train anew.");
}

}  // namespace cxrnet
