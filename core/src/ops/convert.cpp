// Conversion between dtypes and devices, and overwriting: to, pin_memory, copy_, fill_, zero_.
#include <fmt/format.h>

#include "mote/creation.h"
#include "mote/reduce.h"
#include "mote/views.h"
#include "ops/apply.h"

namespace mote {

namespace {

size_t bytes_of(const Tensor& x) { return static_cast<size_t>(x.numel()) * x.element_size(); }

// Row-major elements of one dtype from device to device, by way of the host.
void transfer(const Tensor& target, const Tensor& source, bool non_blocking) {
  const Device from = source.device(), into = target.device();
  const size_t bytes = bytes_of(source);
  if (into.is_meta()) return;
  if (from.is_cpu()) {
    const auto copy = non_blocking && is_pinned(source) ? &Backend::copy_from_pinned : &Backend::copy_from_host;
    return (backend_of(into).*copy)(data_of(target), data_of(source), bytes, into.index());
  }
  if (into.is_cpu()) {
    const auto copy = non_blocking && is_pinned(target) ? &Backend::copy_to_pinned : &Backend::copy_to_host;
    return (backend_of(from).*copy)(data_of(target), data_of(source), bytes, from.index());
  }
  const Tensor host = make_result("to", source.shape(), source.dtype(), Device(DeviceType::CPU));
  transfer(host, source, false);
  transfer(target, host, false);
}

Tensor row_major(const Tensor& x) {
  if (x.is_contiguous()) return x;
  Tensor result = make_result("to", x.shape(), x.dtype(), x.device());
  backend_of(x).copy(view_of(result), view_of(x));
  return result;
}

// A copy of x elsewhere or in another dtype, without a gradient rule. Casts happen on the device x comes from.
Tensor converted(const Tensor& x, Device device, DType dtype, bool non_blocking = false) {
  const bool pinned = non_blocking && device.is_cpu() && x.device().is_cuda() && pins_memory();
  Tensor result = make_result("to", x.shape(), dtype, device, pinned);
  if (x.device() == device)
    backend_of(x).copy(view_of(result), view_of(x));
  else
    transfer(result, row_major(cast(x, dtype)), non_blocking);
  return result;
}

// Writes source, broadcast, into self.
void overwrite(const char* name, const Tensor& self, const Tensor& source, bool non_blocking) {
  const Shape shape = broadcast_shapes(name, self.shape(), source.shape());
  if (shape != self.shape())
    throw ShapeError(fmt::format("{}: source of shape {} does not broadcast to self of shape {}", name,
                                 source.shape().str(), self.shape().str()));
  if (self.device() != source.device()) {
    const Tensor packed = row_major(cast(source, self.dtype()));
    if (self.is_contiguous() && packed.shape() == shape) {
      // Where the copy will wait, it throws what went wrong before it; self has to be as it was then.
      if (self.device().is_cpu() && !(non_blocking && is_pinned(self)))
        backend_of(packed).raise_pending_errors(packed.device().index());
      return transfer(self, packed, non_blocking);
    }
    // What lies in between on the CPU is read at once; on another device, in order.
    const bool in_order = non_blocking && !self.device().is_cpu();
    return overwrite(name, self, converted(packed, self.device(), self.dtype(), in_order), false);
  }
  // A source in the same memory is copied first: its elements may be overwritten before they are read.
  const bool shared = self.get().storage == source.get().storage;
  const Tensor safe = shared ? converted(source, source.device(), source.dtype()) : source;
  backend_of(self).copy(view_of(self), view_of(safe, shape));
}

}  // namespace

Tensor to(const Tensor& x, const Device& device, DType dtype, const ToOptions& options) {
  if (!options.copy && x.dtype() == dtype && x.device() == device) return x;
  Tensor y = converted(x, device, dtype, options.non_blocking);
  y.get().origin = x.get().origin;
  if (is_floating_point(dtype) && needs_grad(x))
    record("to", y, {&x}, [from = x.device(), dtype = x.dtype()](const Tensor& g) { return to(g, from, dtype); });
  return y;
}
Tensor to(const Tensor& x, const Device& device, const ToOptions& options) { return to(x, device, x.dtype(), options); }
Tensor to(const Tensor& x, DType dtype, const ToOptions& options) { return to(x, x.device(), dtype, options); }
Tensor to(const Tensor& x, const Device& device, DType dtype, bool copy) {
  return to(x, device, dtype, ToOptions{.copy = copy});
}
Tensor to(const Tensor& x, DType dtype, bool copy) { return to(x, x.device(), dtype, copy); }
Tensor to(const Tensor& x, const Device& device, bool copy) { return to(x, device, x.dtype(), copy); }

bool is_pinned(const Tensor& x) {
  const Storage& storage = *x.get().storage;
  if (!storage.is_borrowed()) return storage.is_pinned();
  if (!storage.device().is_cpu() || !storage.data() || !pins_memory()) return false;
  return backend_of(Device(DeviceType::CUDA)).is_pinned(storage.data());
}

Tensor pin_memory(const Tensor& x) {
  if (!x.device().is_cpu())
    throw DeviceError(
        fmt::format("pin_memory: only a tensor on the cpu can be pinned, but this one is on {}", x.device().str()));
  if (is_pinned(x)) return x;
  Tensor y = make_result("pin_memory", x.shape(), x.dtype(), x.device(), true);
  backend_of(x).copy(view_of(y), view_of(x));
  y.get().origin = x.get().origin;
  if (needs_grad(x)) record("pin_memory", y, {&x}, [](const Tensor& g) { return g; });
  return y;
}

Tensor copy_(const Tensor& self, const Tensor& source, bool non_blocking) {
  if (is_same(self, source)) return self;
  const bool needs_gradient = self.is_floating_point() && needs_grad(self, source);
  return in_place("copy_", self, needs_gradient, [&](const Tensor& old, const Tensor* out) {
    Tensor result = out ? *out : make_result("copy_", old.shape(), old.dtype(), old.device());
    overwrite("copy_", result, source, non_blocking);
    if (!out)
      record("copy_", result, {&old, &source},
             [shape = source.shape(), dtype = source.dtype(), device = source.device()](const Tensor& g,
                                                                                        const Needs& needs) {
               std::array<Tensor, 2> grads;
               if (needs[0]) grads[0] = zeros_like(g);  // nothing of the old value is left
               if (needs[1]) grads[1] = to(sum_to(g, shape), device, dtype);
               return grads;
             });
    return result;
  });
}

Tensor fill_(const Tensor& self, const Scalar& value) {
  return in_place("fill_", self, needs_grad(self), [&](const Tensor& old, const Tensor* out) {
    Tensor result = out ? *out : make_result("fill_", old.shape(), old.dtype(), old.device());
    backend_of(result).fill(view_of(result), value);
    if (!out) record("fill_", result, {&old}, [](const Tensor& g) { return zeros_like(g); });
    return result;
  });
}

Tensor zero_(const Tensor& self) { return fill_(self, 0); }

}  // namespace mote
