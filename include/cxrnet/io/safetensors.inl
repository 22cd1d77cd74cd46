// What safetensors.hpp declares.
#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <limits>
#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <cxrnet/core/error.hpp>
#include <cxrnet/io/atomic_file.hpp>
#include <cxrnet/io/input_file.hpp>
#include <cxrnet/io/number_formats.hpp>
#include <cxrnet/io/safetensors.hpp>

namespace cxrnet {

static_assert(std::endian::native == std::endian::little, "safetensors and the pinned hashes are little-endian");

namespace detail {

/// Reads one safetensors file, trusting nothing in it.
class SafetensorsReader {
 public:
  explicit SafetensorsReader(const std::filesystem::path& path) : file_(path) {}

  [[nodiscard]] NamedTensors read() {
    if (file_.size() < 8) fail("it is too short for a safetensors file");
    std::uint64_t length = 0;
    file_.read(0, std::as_writable_bytes(std::span(&length, 1)));
    if (length > max_header) fail("its header is longer than 100 MB");
    if (length > file_.size() - 8) fail("it is cut short within its header");
    std::string text(length, '\0');
    file_.read(8, std::as_writable_bytes(std::span(text)));
    data_begin_ = 8 + length;

    NamedTensors model;
    std::vector<Entry> entries = parse(text, model.metadata);
    std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
      return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
    });
    check_layout(entries);
    for (Entry& entry : entries) {
      if (entry.type == Type::passed_over) continue;
      std::vector<float> values = load(entry);
      model.tensors.push_back({std::move(entry.name), std::move(entry.dims), std::move(values)});
    }
    return model;
  }

 private:
  static constexpr std::uint64_t max_header = 100'000'000;
  static constexpr std::size_t max_values = 1'000'000;  // JSON values; VGG16 has about 200
  static constexpr int max_depth = 3;

  enum class Type { f32, f16, bf16, f64, passed_over };
  struct Entry {
    std::string name;
    Type type;
    std::vector<std::size_t> dims;
    std::uint64_t begin, end;
  };

  [[noreturn]] void fail(const std::string& why) const {
    throw FormatError("'" + file_.path() + "' is not a sound safetensors file: " + why + "; fetch or save it again");
  }

  [[nodiscard]] std::vector<Entry> parse(const std::string& text, std::map<std::string, std::string>& metadata) const {
    using Json = nlohmann::json;
    std::size_t values = 0;
    std::set<std::string> names;
    const auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
      if (depth > max_depth) fail("its header is nested too deeply");
      if (++values > max_values) fail("its header has too many values");
      if (event == Json::parse_event_t::key && depth == 1 && !names.insert(parsed.get<std::string>()).second) {
        fail("tensor " + shown(parsed.get<std::string>()) + " is there twice");
      }
      return true;
    };
    Json header;
    try {
      header = Json::parse(text, watch);
    } catch (const Json::exception&) {
      fail("its header is not JSON");
    }
    if (!header.is_object()) fail("its header is not a JSON object");
    std::vector<Entry> entries;
    for (const auto& [name, value] : header.items()) {
      if (name != "__metadata__") {
        entries.push_back(entry(name, value));
        continue;
      }
      if (!value.is_object()) fail("its metadata are not an object");
      for (const auto& [key, item] : value.items()) {
        if (!item.is_string()) fail("its metadata are not strings");
        metadata[key] = item.get<std::string>();
      }
    }
    return entries;
  }

  [[nodiscard]] Entry entry(const std::string& name, const nlohmann::json& value) const {
    const auto bad = [&](const std::string& what) { fail(what + " of tensor " + shown(name)); };
    const auto integers = [&](const char* key) {
      if (!value.contains(key) || !value[key].is_array()) bad(std::string("no list `") + key + "`");
      std::vector<std::size_t> numbers;
      for (const auto& number : value[key]) {
        if (!number.is_number_unsigned()) bad(std::string("a bad number in `") + key + "`");
        numbers.push_back(number.get<std::size_t>());
      }
      return numbers;
    };
    if (!value.is_object() || !value.contains("dtype") || !value["dtype"].is_string()) bad("no `dtype`");
    const std::string dtype = value["dtype"].get<std::string>();
    Entry result{name, Type::f32, integers("shape"), 0, 0};
    std::size_t width = 4;
    if (dtype == "F16") {
      result.type = Type::f16, width = 2;
    } else if (dtype == "BF16") {
      result.type = Type::bf16, width = 2;
    } else if (dtype == "F64") {
      result.type = Type::f64, width = 8;
    } else if (dtype == "I64" && name.ends_with("num_batches_tracked")) {  // of PyTorch's batch normalisation
      result.type = Type::passed_over, width = 8;
    } else if (dtype != "F32") {
      bad("a type that is no floating-point number (" + shown(dtype) + ")");
    }
    const std::vector<std::size_t> offsets = integers("data_offsets");
    if (offsets.size() != 2 || offsets[0] > offsets[1]) bad("bad `data_offsets`");
    result.begin = offsets[0];
    result.end = offsets[1];
    if (result.dims.size() > 8) bad("too many dimensions");
    const auto count = element_count(result.dims);
    if (!count || *count > std::numeric_limits<std::size_t>::max() / width ||
        *count * width != result.end - result.begin) {
      bad("a shape " + dims_text(result.dims) + " that does not fit the bytes");
    }
    return result;
  }

  void check_layout(std::span<const Entry> entries) const {
    std::uint64_t at = 0;
    const std::uint64_t available = file_.size() - data_begin_;
    for (const Entry& entry : entries) {
      if (entry.begin < at) fail("tensor " + shown(entry.name) + " overlaps another");
      if (entry.begin > at) fail("there is a gap before tensor " + shown(entry.name));
      if (entry.end > available) fail("it is cut short within tensor " + shown(entry.name));
      at = entry.end;
    }
    if (at != available) fail("there are bytes after the last tensor");
  }

  template <class Stored, class Convert>
  [[nodiscard]] std::vector<float> converted(const Entry& entry, Convert convert) const {
    std::vector<Stored> stored((entry.end - entry.begin) / sizeof(Stored));
    file_.read(data_begin_ + entry.begin, std::as_writable_bytes(std::span(stored)));
    std::vector<float> values(stored.size());
    std::transform(stored.begin(), stored.end(), values.begin(), convert);
    return values;
  }

  [[nodiscard]] std::vector<float> load(const Entry& entry) const {
    switch (entry.type) {
      case Type::f16: return converted<std::uint16_t>(entry, half_to_float);
      case Type::bf16:
        return converted<std::uint16_t>(entry, [](std::uint16_t bits) {
          return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16U);
        });
      case Type::f64: return converted<double>(entry, double_to_float);
      case Type::f32:
      case Type::passed_over: break;
    }
    std::vector<float> values((entry.end - entry.begin) / sizeof(float));
    file_.read(data_begin_ + entry.begin, std::as_writable_bytes(std::span(values)));
    return values;
  }

  InputFile file_;
  std::uint64_t data_begin_ = 0;
};

}  // namespace detail

CXRNET_INLINE NamedTensors read_safetensors(const std::filesystem::path& path) {
  return detail::SafetensorsReader(path).read();
}

CXRNET_INLINE std::string safetensors_head(const NamedTensors& model) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!model.metadata.empty()) header["__metadata__"] = model.metadata;
  std::uint64_t offset = 0;
  for (const NamedTensor& tensor : model.tensors) {
    if (element_count(tensor.dims) != tensor.values.size() || tensor.name == "__metadata__" ||
        header.contains(tensor.name)) {
      throw ArgumentError("tensor " + shown(tensor.name) + " cannot be written: its name is taken or its " +
                          std::to_string(tensor.values.size()) + " values do not fill " + dims_text(tensor.dims));
    }
    const std::uint64_t end = offset + tensor.values.size() * sizeof(float);
    header[tensor.name] = {{"dtype", "F32"}, {"shape", tensor.dims}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  text.resize((text.size() + 7) / 8 * 8, ' ');  // the data start at a multiple of eight
  const std::uint64_t length = text.size();
  text.insert(0, reinterpret_cast<const char*>(&length), sizeof(length));
  return text;
}

CXRNET_INLINE std::vector<std::byte> safetensors_bytes(const NamedTensors& model) {
  const std::string head = safetensors_head(model);
  std::size_t size = head.size();
  for (const NamedTensor& tensor : model.tensors) size += tensor.values.size() * sizeof(float);
  std::vector<std::byte> bytes;
  bytes.reserve(size);
  const auto add = [&](std::span<const std::byte> part) { bytes.insert(bytes.end(), part.begin(), part.end()); };
  add(std::as_bytes(std::span(head)));
  for (const NamedTensor& tensor : model.tensors) add(std::as_bytes(std::span(tensor.values)));
  return bytes;
}

CXRNET_INLINE void write_safetensors(const std::filesystem::path& path, const NamedTensors& model) {
  const std::string head = safetensors_head(model);
  std::vector<std::span<const std::byte>> parts{std::as_bytes(std::span(head))};
  for (const NamedTensor& tensor : model.tensors) parts.push_back(std::as_bytes(std::span(tensor.values)));
  AtomicFile atomic(path);
  atomic.write(parts);
  atomic.commit();
}

}  // namespace cxrnet
