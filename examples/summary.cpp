// Prints a network: layers, shapes, parameters, work, memory.
#include "common/model_file.hpp"
#include "common/program.hpp"
#include "variants/variants.hpp"

#include <cxrnet/report/summary.hpp>

#include <CLI/CLI.hpp>
#include <iostream>

using namespace cxrnet;
using namespace cxrnet::programs;

int main(int argc, char** argv) {
  CLI::App app("Prints the reference's network: layers, shapes, parameters, work and memory, as Keras prints them.");
  std::filesystem::path file;
  Variant variant;
  int batch = 32;
  bool fused = false;
  app.add_option("--model", file, "Model file to describe; default: the untrained network");
  app.add_option("--preprocess", variant.preprocess, "rescale or imagenet")->check(CLI::IsMember({"rescale", "imagenet"}));
  app.add_option("--batch", batch, "Images a step, for the memory")->capture_default_str()->check(CLI::Range(1, 4096));
  app.add_flag("--fused", fused, "Print the operations that the backend runs after fusion, and its algorithms");
  return run(app, argc, argv, [&] {
    const auto net = file.empty() ? make_classifier(variant, initial_parameters(variant, 0), batch)
                                  : std::move(load_model(file, batch).classifier);
    std::cout << summary(net->description());
    std::cout << memory_summary(*net);
    if (fused) std::cout << '\n' << fused_summary(net->description(), net->fused(), net->algorithms());
    return 0;
  });
}
