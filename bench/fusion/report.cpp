#include "result.hpp"

#include <cxrnet/report/csv.hpp>
#include <cxrnet/report/text.hpp>

#include <array>
#include <nlohmann/json.hpp>

namespace cxrnet::fusion {

namespace {

using nlohmann::ordered_json;

double ms(double seconds) { return seconds * 1e3; }
double giga_rate(double count, double seconds) { return count / seconds * 1e-9; }
std::string percent(double share) { return with_decimals(100 * share, 0) + " %"; }
/// As many decimals as make three digits, three at most.
std::string three_digits(double value) { return with_decimals(value, value >= 100 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : 3); }

struct Column {
  std::string_view title;
  std::size_t width;
};
constexpr std::array<Column, 12> columns{{{"stack", 36}, {"batch", 6}, {"rules", 22}, {"operations", 11}, {"ms", 8},
                                          {"GFLOP/s", 9}, {"MB", 8}, {"done: GFLOP/s", 14}, {"FLOP/byte", 10}, {"roofline", 9},
                                          {"of direct's", 12}, {"speed-up", 9}}};

std::string line(const std::array<std::string, columns.size()>& fields) {
  std::string text;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const bool left = i == 0 || i == 2;
    if (i == 2) text += "  ";
    text += left ? left_aligned(fields[i], columns[i].width) : right_aligned(fields[i], columns[i].width);
  }
  return text + '\n';
}

ordered_json work_json(const Work& work, const Roofline& roof, double seconds) {
  return {{"gflop", work.flops * 1e-9},
          {"mb", work.bytes * 1e-6},
          {"flop_per_byte", work.flops / work.bytes},
          {"gflop_per_s", giga_rate(work.flops, seconds)},
          {"gb_per_s", giga_rate(work.bytes, seconds)},
          {"roofline_share", share(roof, work, seconds)}};
}

ordered_json variant_json(const Machine& machine, const VariantResult& v) {
  auto operations = ordered_json::array();
  for (const OperationResult& o : v.operations) {
    operations.push_back({{"layer", o.layer},
                          {"operation", o.operation},
                          {"algorithm", o.algorithm},
                          {"ms", ms(o.seconds)},
                          {"stated", work_json(o.stated, machine.roof, o.seconds)},
                          {"done", work_json(o.done, machine.roof, o.seconds)}});
  }
  return {{"rules", v.rules},
          {"ms", ms(v.seconds)},
          {"ms_quartiles", {ms(v.low), ms(v.high)}},
          {"speed_up", v.speed_up},
          {"speed_up_quartiles", {v.speed_up_low, v.speed_up_high}},
          {"difference", v.difference},
          {"stated", work_json(v.stated(), machine.roof, v.seconds)},
          {"done", work_json(v.done(), machine.roof, v.seconds)},
          {"operations", operations}};
}

}  // namespace

std::string table_head(const Machine& machine) {
  std::array<std::string, columns.size()> titles;
  std::size_t length = 2;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    titles[i] = columns[i].title;
    length += columns[i].width;
  }
  return machine.processor + ", " + std::to_string(machine.threads) + " threads, " + machine.software + ", backend " +
         machine.backend + "\nroofline: " + with_decimals(machine.roof.flops * 1e-9, 0) + " GFLOP/s of multiply-adds, " +
         with_decimals(machine.roof.bytes * 1e-9, 1) + " GB/s of triad, bends at " +
         with_decimals(machine.roof.ridge(), 1) + " FLOP/byte\n\n" + line(titles) + std::string(length, '-') + '\n';
}

std::string table_rows(const Machine& machine, const StackResult& result) {
  std::string text;
  for (const VariantResult& v : result.variants) {
    const bool first = &v == &result.variants.front();
    const Work done = v.done();
    text += line({first ? result.name : "", first ? std::to_string(result.batch) : "", v.rules,
                  std::to_string(v.operations.size()), three_digits(ms(v.seconds)),
                  with_decimals(giga_rate(v.stated().flops, v.seconds), 0), three_digits(done.bytes * 1e-6),
                  with_decimals(giga_rate(done.flops, v.seconds), 0), with_decimals(done.flops / done.bytes, 1),
                  percent(share(machine.roof, done, v.seconds)), percent(share(machine.roof, v.stated(), v.seconds)),
                  first ? "" : with_decimals(v.speed_up, 2)});
  }
  // Otherwise more than fusion differs.
  const auto convolutions = [](const VariantResult& v) {
    std::vector<std::string> names;
    for (const auto& o : v.operations) {
      if (o.operation.starts_with("convolution")) names.push_back(o.layer + " by " + o.algorithm);
    }
    return names;
  };
  const auto expected = convolutions(result.variants.front());
  for (const VariantResult& v : result.variants) {
    const auto names = convolutions(v);
    for (std::size_t i = 0; i < std::min(names.size(), expected.size()); ++i) {
      if (names[i] != expected[i]) text += "  note: " + v.rules + " computes " + names[i] + ", unfused " + expected[i] + '\n';
    }
  }
  return text;
}

std::string operations_table(const Machine& machine, const StackResult& result) {
  std::vector<std::array<std::string, 9>> rows{
      {"rules", "layer", "operation", "algorithm", "ms", "share", "GFLOP/s", "MB", "roofline"}};
  for (const VariantResult& v : result.variants) {
    for (const OperationResult& o : v.operations) {
      rows.push_back({&o == &v.operations.front() ? v.rules : "", o.layer, o.operation, o.algorithm,
                      three_digits(ms(o.seconds)), percent(o.seconds / v.seconds),
                      o.stated.flops == 0 ? "-" : with_decimals(giga_rate(o.stated.flops, o.seconds), 0),
                      three_digits(o.done.bytes * 1e-6), percent(share(machine.roof, o.done, o.seconds))});
    }
  }
  std::array<std::size_t, 9> widths{};
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < widths.size(); ++i) widths[i] = std::max(widths[i], display_width(row[i]));
  }
  std::string text = "\nOperation by operation, batch " + std::to_string(result.batch) + " of " + result.name + ":\n\n";
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < widths.size(); ++i) {
      text += (i == 0 ? "" : "  ") + (i < 4 ? left_aligned(row[i], widths[i]) : right_aligned(row[i], widths[i]));
    }
    text += '\n';
  }
  return text;
}

std::string json_of(const Machine& machine, const std::vector<StackResult>& results) {
  auto stacks = ordered_json::array();
  for (const StackResult& result : results) {
    auto variants = ordered_json::array();
    for (const VariantResult& v : result.variants) variants.push_back(variant_json(machine, v));
    stacks.push_back({{"stack", result.name}, {"batch", result.batch}, {"runs", result.runs}, {"variants", variants}});
  }
  const ordered_json all{{"machine",
                          {{"processor", machine.processor},
                           {"threads", machine.threads},
                           {"software", machine.software},
                           {"backend", machine.backend},
                           {"instructions", machine.instructions},
                           {"fma_gflop_per_s", machine.roof.flops * 1e-9},
                           {"triad_gb_per_s", machine.roof.bytes * 1e-9},
                           {"ridge_flop_per_byte", machine.roof.ridge()}}},
                         {"stacks", stacks}};
  return all.dump(2, ' ', false, ordered_json::error_handler_t::replace) + '\n';
}

std::string csv_of(const Machine& machine, const std::vector<StackResult>& results) {
  const std::vector<std::string> titles{"stack",     "batch",         "rules",          "operations",    "ms",       "stated_gflop_per_s",
                                        "stated_mb", "done_gflop_per_s", "done_mb", "done_flop_per_byte", "roofline_share",
                                        "direct_roofline_share", "speed_up"};
  std::string text = csv_record(titles);
  for (const StackResult& result : results) {
    for (const VariantResult& v : result.variants) {
      const Work stated = v.stated(), done = v.done();
      const std::vector<std::string> fields{
          result.name, std::to_string(result.batch), v.rules, std::to_string(v.operations.size()), round_trip(ms(v.seconds)),
          round_trip(giga_rate(stated.flops, v.seconds)), round_trip(stated.bytes * 1e-6),
          round_trip(giga_rate(done.flops, v.seconds)), round_trip(done.bytes * 1e-6), round_trip(done.flops / done.bytes),
          round_trip(share(machine.roof, done, v.seconds)), round_trip(share(machine.roof, stated, v.seconds)),
          round_trip(v.speed_up)};
      text += csv_record(fields);
    }
  }
  return text;
}

}  // namespace cxrnet::fusion
