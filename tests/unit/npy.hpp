#pragma once
#include <filesystem>
#include <xtensor/xarray.hpp>
#include <xtensor/xnpy.hpp>

namespace cxrnet::test {

/// A golden .npy file as a row-major array.
template <class T>
xt::xarray<T> npy(const std::filesystem::path& file) {
  return xt::load_npy<T>(file.string());
}

}  // namespace cxrnet::test
