// What keras_h5.hpp declares.
#include <cxrnet/io/isolated.hpp>
#include <cxrnet/io/keras_h5.hpp>
#include <cxrnet/io/keras_reader.hpp>

namespace cxrnet {

CXRNET_INLINE NamedTensors read_keras_h5(const std::filesystem::path& path) {
  const hdf5::Session session;  // no other thread is within HDF5 when the process forks
  return detail::read_isolated(path, [&] { return detail::KerasReader(path).read(); });
}

}  // namespace cxrnet
