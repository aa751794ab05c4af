// Conversion between dtypes and devices, and overwriting: to, copy_, fill_, zero_.
#include <fmt/format.h>

#include "mote/creation.h"
#include "mote/reduce.h"
#include "mote/views.h"
#include "ops/apply.h"

namespace mote {

namespace {

size_t bytes_of(const Tensor& x) { return static_cast<size_t>(x.numel()) * x.element_size(); }

// Row-major elements of one dtype from device to device, by way of the host.
void transfer(const Tensor& target, const Tensor& source) {
  const Device from = source.device(), into = target.device();
  const size_t bytes = bytes_of(source);
  if (into.is_meta()) return;
  if (from.is_cpu()) return backend_of(into).copy_from_host(data_of(target), data_of(source), bytes, into.index());
  if (into.is_cpu()) return backend_of(from).copy_to_host(data_of(target), data_of(source), bytes, from.index());
  const Tensor host = make_result("to", source.shape(), source.dtype(), Device(DeviceType::CPU));
  transfer(host, source);
  transfer(target, host);
}

Tensor row_major(const Tensor& x) {
  if (x.is_contiguous()) return x;
  Tensor result = make_result("to", x.shape(), x.dtype(), x.device());
  backend_of(x).copy(view_of(result), view_of(x));
  return result;
}

// A copy of x elsewhere or in another dtype, without a gradient rule. Casts happen on the device x comes from.
Tensor converted(const Tensor& x, Device device, DType dtype) {
  Tensor result = make_result("to", x.shape(), dtype, device);
  if (x.device() == device)
    backend_of(x).copy(view_of(result), view_of(x));
  else
    transfer(result, row_major(cast(x, dtype)));
  return result;
}

// Writes source, broadcast, into self.
void overwrite(const char* name, const Tensor& self, const Tensor& source) {
  const Shape shape = broadcast_shapes(name, self.shape(), source.shape());
  if (shape != self.shape())
    throw ShapeError(fmt::format("{}: source of shape {} does not broadcast to self of shape {}", name,
                                 source.shape().str(), self.shape().str()));
  if (self.device() != source.device()) {
    const Tensor packed = row_major(cast(source, self.dtype()));
    if (self.is_contiguous() && packed.shape() == shape) return transfer(self, packed);
    return overwrite(name, self, converted(packed, self.device(), self.dtype()));
  }
  // A source in the same memory is copied first: its elements may be overwritten before they are read.
  const bool shared = self.get().storage == source.get().storage;
  const Tensor safe = shared ? converted(source, source.device(), source.dtype()) : source;
  backend_of(self).copy(view_of(self), view_of(safe, shape));
}

}  // namespace

Tensor to(const Tensor& x, const Device& device, DType dtype, bool copy) {
  if (!copy && x.dtype() == dtype && x.device() == device) return x;
  Tensor y = converted(x, device, dtype);
  y.get().origin = x.get().origin;
  if (is_floating_point(dtype) && needs_grad(x))
    record("to", y, {&x}, [from = x.device(), dtype = x.dtype()](const Tensor& g) { return to(g, from, dtype); });
  return y;
}
Tensor to(const Tensor& x, DType dtype, bool copy) { return to(x, x.device(), dtype, copy); }
Tensor to(const Tensor& x, const Device& device, bool copy) { return to(x, device, x.dtype(), copy); }

Tensor copy_(const Tensor& self, const Tensor& source) {
  if (is_same(self, source)) return self;
  const bool needs_gradient = self.is_floating_point() && needs_grad(self, source);
  return in_place("copy_", self, needs_gradient, [&](const Tensor& old, const Tensor* out) {
    Tensor result = out ? *out : make_result("copy_", old.shape(), old.dtype(), old.device());
    overwrite("copy_", result, source);
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
