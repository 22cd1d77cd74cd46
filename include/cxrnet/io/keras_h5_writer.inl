// What keras_h5_writer.hpp declares.
#include <cxrnet/io/hdf5_write.hpp>
#include <cxrnet/io/isolated.hpp>
#include <cxrnet/io/keras_h5_writer.hpp>
#include <cxrnet/io/keras_writer.hpp>

namespace cxrnet {

CXRNET_INLINE void write_keras_h5(const std::filesystem::path& path, const KerasModel& given, const NamedTensors& weights) {
  detail::write_isolated(path, [&](const std::filesystem::path& temporary) {
    hdf5::Writer file(temporary);
    detail::write_keras_model(file, detail::in_keras_order(given), weights);
    file.close();
  });
}

}  // namespace cxrnet
