// The errors mote throws. Every message begins with the operation, says what was expected and what came, and how to
// fix it where that is known. The library never prints, aborts or exits inside a host program.
#pragma once

#include <stdexcept>
#include <string>

namespace mote {

// Base of every exception that mote throws.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Shapes, ranks or sizes that do not fit an operation.
class ShapeError : public Error {
 public:
  using Error::Error;
};

// Operands on different devices, or a device that this build or machine does not have.
class DeviceError : public Error {
 public:
  using Error::Error;
};

// A dtype that an operation does not accept, or a cast that would lose the kind of number.
class DTypeError : public Error {
 public:
  using Error::Error;
};

// A position outside its dimension, or an index expression that does not fit the tensor.
class IndexError : public Error {
 public:
  using Error::Error;
};

// A value outside the range that an option or argument allows (a negative rate, an unknown name).
class ValueError : public Error {
 public:
  using Error::Error;
};

// A call that is right in itself but not now: backward twice, a saved tensor changed in place, a name taken.
class StateError : public Error {
 public:
  using Error::Error;
};

// A file that cannot be read or written, or whose content is not what it should be.
class IoError : public Error {
 public:
  using Error::Error;
};

// Memory of a device is exhausted; the message says how much was asked for.
class OutOfMemoryError : public Error {
 public:
  using Error::Error;
};

// A call of the CUDA runtime or of cuBLAS failed.
class CudaError : public Error {
 public:
  using Error::Error;
};

// An operation that a backend does not have.
class NotImplementedError : public Error {
 public:
  using Error::Error;
};

}  // namespace mote
