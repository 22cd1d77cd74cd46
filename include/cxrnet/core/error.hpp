#pragma once
#include <stdexcept>
#include <string>

namespace cxrnet {

/// The family of everything cxrnet throws. `what()` is one sentence: what happened, to which file, what to do.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A caller's argument has the wrong size, range or meaning.
class ArgumentError : public Error {
 public:
  using Error::Error;
};

/// A file or folder cannot be opened, read or written.
class FileError : public Error {
 public:
  using Error::Error;
};

/// An image cannot be decoded, or is too large. With `--skip-bad` the programs list these and go on.
class ImageError : public FileError {
 public:
  using FileError::FileError;
};

/// A weight or model file is malformed, or its tensors do not fit the network.
class FormatError : public FileError {
 public:
  using FileError::FileError;
};

/// A data set's folders or classes are not what the network or the program needs.
class DataError : public Error {
 public:
  using Error::Error;
};

/// A backend (oneDNN, say) refused an operation or failed while running it.
class BackendError : public Error {
 public:
  using Error::Error;
};

/// Training cannot go on: the loss is not finite, say.
class TrainingError : public Error {
 public:
  using Error::Error;
};

}  // namespace cxrnet
