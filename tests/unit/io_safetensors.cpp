#include <cxrnet/io/atomic_file.hpp>
#include <cxrnet/io/safetensors.hpp>

#include <fstream>
#include <iterator>
#include <random>

#include "catch.hpp"
#include "message.hpp"
#include "temp_folder.hpp"

namespace fs = std::filesystem;
using cxrnet::test::has;
using cxrnet::test::message_of;
using cxrnet::test::nothing_thrown;
using cxrnet::test::TempFolder;

namespace {

std::string file_bytes(const std::string& header, const std::string& data) {
  const std::uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), 8) + header + data;
}

template <class T>
std::string raw(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

std::string tensor(const std::string& name, const std::string& type, const std::string& shape, const std::string& span) {
  return "\"" + name + R"(":{"dtype":")" + type + R"(","shape":)" + shape + R"(,"data_offsets":)" + span + "}";
}

cxrnet::NamedTensors read(const std::string& bytes) {
  const TempFolder temp;
  cxrnet::write_atomically(temp.path() / "a.safetensors", bytes);
  return cxrnet::read_safetensors(temp.path() / "a.safetensors");
}

std::string refusal(const std::string& bytes) {
  return message_of<cxrnet::FormatError>([&] { (void)read(bytes); });
}

cxrnet::NamedTensors sample() {
  return {{{"z.kernel", {2, 3}, {1, -2, 3, -4, 5, 6e-39F}}, {"a.bias", {3}, {0.1F, 0.2F, 0.3F}}, {"e", {0, 4}, {}}, {"s", {}, {7}}},
          {{"classes", "[\"COVID\",\"Normal\"]"}, {"note", "caf\xC3\xA9"}}};
}

}  // namespace

TEST_CASE("safetensors round trip: order, shapes, bits, metadata", "[io]") {
  const TempFolder temp;
  const cxrnet::NamedTensors model = sample();
  const fs::path path = temp.path() / "m.safetensors";
  cxrnet::write_safetensors(path, model);
  const cxrnet::NamedTensors back = cxrnet::read_safetensors(path);
  REQUIRE(back.tensors.size() == model.tensors.size());
  CHECK(back.metadata == model.metadata);
  for (std::size_t i = 0; i < model.tensors.size(); ++i) {
    const cxrnet::NamedTensor* tensor = back.find(model.tensors[i].name);
    REQUIRE(tensor != nullptr);
    CHECK(tensor->dims == model.tensors[i].dims);
    CHECK(tensor->values == model.tensors[i].values);
  }
  CHECK(back.tensors[0].name == "z.kernel");
  CHECK(back.tensors[1].name == "a.bias");
  CHECK(std::distance(fs::directory_iterator(temp.path()), fs::directory_iterator()) == 1);
}

TEST_CASE("a tensor that cannot be written is an argument error", "[io]") {
  const TempFolder temp;
  const auto write = [&](cxrnet::NamedTensors model) {
    return message_of<cxrnet::ArgumentError>([&] { cxrnet::write_safetensors(temp.path() / "m", model); });
  };
  CHECK(has(write({{{"a", {2}, {1}}}, {}}), "tensor a cannot be written"));
  CHECK(has(write({{{"a", {1}, {1}}, {"a", {1}, {1}}}, {}}), "tensor a cannot be written"));
  CHECK(has(write({{{"__metadata__", {1}, {1}}}, {}}), "tensor __metadata__ cannot be written"));
  CHECK(fs::is_empty(temp.path()));
}

TEST_CASE("half, bfloat16 and double become float", "[io]") {
  const auto one = [](const std::string& type, const std::string& data, std::size_t count) {
    const std::string end = std::to_string(data.size());
    return read(file_bytes("{" + tensor("t", type, "[" + std::to_string(count) + "]", "[0," + end + "]") + "}", data))
        .tensors.at(0)
        .values;
  };
  using Half = std::vector<std::uint16_t>;
  CHECK(one("F16", raw(Half{0x3C00, 0xC000, 0x7BFF, 0x0001, 0x03FF, 0x3555, 0x8000}), 7) ==
        std::vector<float>{1.0F, -2.0F, 65504.0F, 0x1p-24F, 0x1.ff8p-15F, 0x1.554p-2F, -0.0F});
  const auto special = one("F16", raw(Half{0x7C00, 0xFC00, 0x7E00}), 3);
  CHECK(special[0] == std::numeric_limits<float>::infinity());
  CHECK(special[1] == -std::numeric_limits<float>::infinity());
  CHECK(std::isnan(special[2]));
  CHECK(one("BF16", raw(Half{0x3F80, 0xC040}), 2) == std::vector<float>{1.0F, -3.0F});
  CHECK(one("F64", raw(std::vector<double>{0.1, 1e300, -1e300}), 3) ==
        std::vector<float>{0.1F, std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()});
}

TEST_CASE("unsound safetensors files are refused", "[io]") {
  const std::string eight(8, '\0');
  const std::string two = "{" + tensor("a", "F32", "[1]", "[0,4]") + "," + tensor("b", "F32", "[1]", "[4,8]") + "}";
  REQUIRE(read(file_bytes(two, eight)).tensors.size() == 2);

  CHECK(has(refusal("abc"), "too short"));
  CHECK(has(refusal(std::string(8, '\xFF')), "longer than 100 MB"));
  CHECK(has(refusal(file_bytes(two, eight).substr(0, 40)), "cut short within its header"));
  CHECK(has(refusal(file_bytes(two, eight.substr(1))), "cut short within tensor b"));
  CHECK(has(refusal(file_bytes(two, eight + "x")), "bytes after the last tensor"));
  CHECK(has(refusal(file_bytes("{\"a\":", eight)), "not JSON"));
  CHECK(has(refusal(file_bytes("[]", "")), "not a JSON object"));
  CHECK(has(refusal(file_bytes(std::string(100000, '['), "")), "nested too deeply"));
  std::string many = "{\"a\":[0";
  for (int i = 0; i < 1'000'000; ++i) many += ",0";
  CHECK(has(refusal(file_bytes(many + "]}", "")), "too many values"));

  const auto single = [&](const std::string& type, const std::string& shape, const std::string& span) {
    return refusal(file_bytes("{" + tensor("a", type, shape, span) + "}", eight));
  };
  REQUIRE(single("F32", "[2]", "[0,8]") == nothing_thrown);
  CHECK(has(single("F32", "[3]", "[0,8]"), "a shape (3) that does not fit the bytes"));
  CHECK(has(single("F32", "[4294967296,4294967296]", "[0,8]"), "does not fit the bytes"));
  CHECK(has(single("F32", "[4611686018427387906]", "[0,8]"), "does not fit the bytes"));
  CHECK(has(single("F32", "[99999999999999999999]", "[0,8]"), "a bad number in `shape`"));
  CHECK(has(single("F32", "[-2]", "[0,8]"), "a bad number in `shape`"));
  CHECK(has(single("F32", "[2.0]", "[0,8]"), "a bad number in `shape`"));
  CHECK(has(single("F32", "[1,1,1,1,1,1,1,1,2]", "[0,8]"), "too many dimensions"));
  CHECK(has(single("F32", "[2]", "[8,0]"), "bad `data_offsets`"));
  CHECK(has(single("F32", "[2]", "[0]"), "bad `data_offsets`"));
  CHECK(has(single("F32", "[2]", "3"), "no list `data_offsets`"));
  CHECK(has(single("F32", "[1]", "[4,8]"), "a gap before tensor a"));
  CHECK(has(single("F32", "[2]", "[18446744073709551608,18446744073709551615]"), "does not fit the bytes"));
  CHECK(has(single("F32", "[2]", "[18446744073709551600,18446744073709551608]"), "a gap before tensor a"));
  CHECK(has(single("I32", "[2]", "[0,8]"), "no floating-point number (I32)"));

  const auto pair = [&](const std::string& a, const std::string& b) {
    return refusal(file_bytes("{" + a + "," + b + "}", eight));
  };
  CHECK(has(pair(tensor("a", "F32", "[2]", "[0,8]"), tensor("b", "F32", "[1]", "[4,8]")), "tensor b overlaps another"));
  CHECK(has(pair(tensor("a", "F32", "[1]", "[0,4]"), tensor("a", "F32", "[1]", "[4,8]")), "tensor a is there twice"));
  CHECK(has(pair(tensor("a", "F32", "[2]", "[0,8]"), "\"__metadata__\":3"), "metadata are not an object"));
  CHECK(has(pair(tensor("a", "F32", "[2]", "[0,8]"), "\"__metadata__\":{\"a\":3}"), "metadata are not strings"));
  CHECK(has(pair(tensor("a", "F32", "[2]", "[0,8]"), "\"b\":3"), "no `dtype` of tensor b"));
}

TEST_CASE("the error names the file and what to do", "[io]") {
  const TempFolder temp;
  const fs::path path = temp.path() / "w.safetensors";
  cxrnet::write_atomically(path, "abc");
  CHECK(message_of<cxrnet::FormatError>([&] { (void)cxrnet::read_safetensors(path); }) ==
        "'" + path.string() + "' is not a sound safetensors file: it is too short for a safetensors file; fetch or save it again");
}

TEST_CASE("no single or double byte change in a safetensors file does harm", "[io]") {
  const TempFolder temp;
  const fs::path path = temp.path() / "m.safetensors";
  cxrnet::write_safetensors(path, sample());
  std::ifstream in(path, std::ios::binary);
  const std::string good{std::istreambuf_iterator<char>(in), {}};
  std::mt19937 random(1);
  int refused = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string bytes = good;
    for (int change = 0; change <= round % 2; ++change) bytes[random() % bytes.size()] = static_cast<char>(random());
    if (round % 5 == 0) bytes.resize(random() % bytes.size());
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
    try {
      for (const auto& tensor : cxrnet::read_safetensors(path).tensors) {
        REQUIRE(cxrnet::element_count(tensor.dims) == tensor.values.size());
      }
    } catch (const cxrnet::FormatError&) {
      ++refused;
    }
  }
  CHECK(refused > 1000);
}
