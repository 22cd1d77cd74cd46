#pragma once
#include <cxrnet/data/image_decoder.hpp>
#include <cxrnet/train/adam.hpp>
#include <cxrnet/train/classifier_interface.hpp>
#include <cxrnet/train/clip.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

// The closed list of network types that the programs choose among at run time. The parameters of all of them are laid
// out alike but for the scales of those in int8, so that any one's model file is any other's.
namespace cxrnet::programs {

enum class Augmenting { no, yes };

/// What a program's user chooses.
struct Variant {
  std::string preprocess = "rescale";  ///< or "imagenet"
  Augmenting augmenting = Augmenting::no;
  int unfreeze_from = 6;  ///< the first of VGG16's blocks that trains, 1 to 5; 6: none, the head alone
  std::string precision = "float32";  ///< of VGG16; where none of it trains also "int8" or "bfloat16"
  std::string device = "cpu";         ///< or "cuda", which computes in half and takes precision float32 alone
};

/// Why the network cannot run on a GPU here, in a sentence; empty where it can.
std::string cuda_problem();
/// From here on cuDNN's plans are kept in a folder; for where `cuda_problem` says nothing.
void keep_cuda_plans(const std::filesystem::path& folder);
/// And chosen by trial where none of its plans was, which times them: nothing else should have the GPU meanwhile.
void try_cuda_plans();

/// Decodes JPEG files on the first GPU. BackendError where that is not possible.
const ImageDecoder& gpu_decoder();

/// Random parameters of the variant's network, for a seed.
std::vector<float> initial_parameters(const Variant& variant, std::uint64_t seed);

/// Finds the scales of a variant in int8 with images (n x 224 x 224 x 3 bytes); changes nothing of the others.
void calibrate(const Variant& variant, std::span<float> parameters, std::span<const std::uint8_t> images);

/// The variant's constants.
const Description& describe(const Variant& variant);

/// The reference's classifier on the variant's device, with these parameters and batches of up to `capacity` images.
std::unique_ptr<Classifier> make_classifier(const Variant& variant, std::vector<float> parameters, int capacity = 32,
                                            std::uint64_t seed = 0, const Adam& optimizer = {}, Clip clip = {});

}  // namespace cxrnet::programs
