#include "mote/backend.h"

#include <fmt/format.h>

#include <atomic>
#include <utility>

#include "backends.h"
#include "mote/error.h"

namespace mote {

namespace {

constexpr const char* kDeviceNames[kDeviceTypeCount] = {"cpu", "cuda", "meta"};

std::atomic<Backend*>& override_slot(DeviceType type) {
  static std::atomic<Backend*> slots[kDeviceTypeCount];
  return slots[static_cast<int>(type)];
}

Backend* find_backend(DeviceType type) {
  if (Backend* replaced = override_slot(type).load(std::memory_order_acquire)) return replaced;
  return builtin_backend(type);
}

}  // namespace

Backend& backend_of(Device device) {
  Backend* backend = find_backend(device.type());
  if (!backend)
    throw DeviceError(
        fmt::format("{} is not available: this build of mote has no {} backend, or the machine has no such "
                    "device; use \"cpu\", or configure with -DMOTE_CUDA=ON (GPU) or SIM (simulated)",
                    device.str(), kDeviceNames[static_cast<int>(device.type())]));
  return *backend;
}

bool has_backend(DeviceType type) { return find_backend(type) != nullptr; }

BackendOverride::BackendOverride(DeviceType type, Backend& backend)
    : type_(type), previous_(override_slot(type).exchange(&backend)) {}
BackendOverride::~BackendOverride() { override_slot(type_).store(previous_); }

namespace {

thread_local constinit const char* current_index_error_name = nullptr;

}  // namespace

const char* index_error_name() { return current_index_error_name; }
IndexErrorName::IndexErrorName(const char* op) : previous_(std::exchange(current_index_error_name, op)) {}
IndexErrorName::~IndexErrorName() { current_index_error_name = previous_; }

std::string out_of_range_message(const char* name, int64_t index, int64_t dim, int64_t size) {
  return fmt::format("{}{}index {} is out of range for dimension {} of size {}", name ? name : "", name ? ": " : "",
                     index, dim, size);
}

void throw_out_of_range(int64_t index, int64_t dim, int64_t size) {
  throw IndexError(out_of_range_message(index_error_name(), index, dim, size));
}

void Backend::not_implemented(const char* op) const {
  throw NotImplementedError(fmt::format("{} is not implemented on {}", op, kDeviceNames[static_cast<int>(type())]));
}

void Backend::copy_from_host(void*, const void*, size_t, int) { not_implemented("copy_from_host"); }
void Backend::copy_to_host(void*, const void*, size_t, int) { not_implemented("copy_to_host"); }
void* Backend::allocate_pinned(size_t) { not_implemented("pinned memory"); }
void Backend::copy_from_pinned(void* device_data, const void* pinned, size_t bytes, int device) {
  copy_from_host(device_data, pinned, bytes, device);
}
void Backend::copy_to_pinned(void* pinned, const void* device_data, size_t bytes, int device) {
  copy_to_host(pinned, device_data, bytes, device);
}
void Backend::fill(const View&, const Scalar&) { not_implemented("fill"); }
void Backend::copy(const View&, const View&) { not_implemented("copy"); }
void Backend::arange(const View&, const Scalar&, const Scalar&) { not_implemented("arange"); }
void Backend::linspace(const View&, double, double) { not_implemented("linspace"); }
void Backend::unary(UnaryOp op, const View&, const View&) { not_implemented(name_of(op)); }
void Backend::binary(BinaryOp op, const View&, const View&, const View&) { not_implemented(name_of(op)); }
void Backend::binary(BinaryOp op, const View&, const View&, const Scalar&) { not_implemented(name_of(op)); }
void Backend::binary(BinaryOp op, const View&, const Scalar&, const View&) { not_implemented(name_of(op)); }
void Backend::where(const View&, const View&, const View&, const View&) { not_implemented("where"); }
void Backend::masked_fill(const View&, const View&, const View&, const Scalar&) { not_implemented("masked_fill"); }
void Backend::triangle(const View&, const View&, int64_t, bool) { not_implemented("triangle"); }
void Backend::reduce(ReduceOp, const View&, const View&) { not_implemented("reduce"); }
void Backend::variance(const View&, const View&, double) { not_implemented("variance"); }
void Backend::arg_reduce(bool, const View&, const View&, int64_t) { not_implemented("arg_reduce"); }
void Backend::cumsum(const View&, const View&, int64_t) { not_implemented("cumsum"); }
void Backend::softmax(const View&, const View&, bool) { not_implemented("softmax"); }
void Backend::softmax_backward(const View&, const View&, const View&, bool) { not_implemented("softmax_backward"); }
void Backend::masked_softmax(const View&, const View&, const View&, double) { not_implemented("masked_softmax"); }
void Backend::masked_softmax_backward(const View&, const View&, const View&, double) {
  not_implemented("masked_softmax_backward");
}
void Backend::matmul(const View&, const View&, const View&, bool) { not_implemented("matmul"); }
void Backend::matmul_bias(const View& out, const View& a, const View& b, const View& bias) {
  copy(out,
       View{bias.data, bias.dtype, out.shape, broadcast_strides(bias.shape, bias.strides, out.shape), bias.device});
  matmul(out, a, b, true);
}
void Backend::layer_norm(const View&, const View&, const View&, const LayerNormArgs&) { not_implemented("layer_norm"); }
void Backend::layer_norm_backward(std::optional<View>, std::optional<View>, std::optional<View>, const View&,
                                  const View&, const View&, const LayerNormArgs&) {
  not_implemented("layer_norm_backward");
}
void Backend::rms_norm(const View&, const View&, const LayerNormArgs&) { not_implemented("rms_norm"); }
void Backend::rms_norm_backward(std::optional<View>, std::optional<View>, const View&, const View&,
                                const LayerNormArgs&) {
  not_implemented("rms_norm_backward");
}
void Backend::cross_entropy(const View&, const View&, const View&, const View&, int64_t, double) {
  not_implemented("cross_entropy");
}
void Backend::cross_entropy_backward(const View&, const View&, const View&, const View&, const View&, int64_t, double) {
  not_implemented("cross_entropy_backward");
}
void Backend::attention(const View&, const View&, const AttentionArgs&) { not_implemented("attention"); }
void Backend::attention_backward(const View&, const View&, const View&, const View&, const View&, const View&,
                                 const AttentionArgs&) {
  not_implemented("attention_backward");
}
void Backend::gather(const View&, const View&, int64_t, const View&) { not_implemented("gather"); }
void Backend::scatter(const View&, int64_t, const View&, const View&, bool) { not_implemented("scatter"); }
void Backend::index_select(const View&, const View&, int64_t, const View&) { not_implemented("index_select"); }
void Backend::index_add(const View&, int64_t, const View&, const View&, bool) { not_implemented("index_add"); }
void Backend::index_positions(const View&, std::span<const View>, const Shape&, const Shape&, const Shape&) {
  not_implemented("index_positions");
}
int64_t Backend::count_nonzero(const View&) { not_implemented("count_nonzero"); }
void Backend::nonzero(const View&, const View&) { not_implemented("nonzero"); }
void Backend::sort(const View&, const View&, const View&, bool) { not_implemented("sort"); }
void Backend::topk(const View&, const View&, const View&, int64_t, bool) { not_implemented("topk"); }
void Backend::random(RandomOp, const View&, const Scalar&, const Scalar&, Generator&) { not_implemented("random"); }
void Backend::dropout_mask(const View&, double, Generator&) { not_implemented("dropout_mask"); }
void Backend::dropout_seed(const View&, Generator&) { not_implemented("dropout_seed"); }
void Backend::adamw(std::span<const View>, std::span<const View>, std::span<const View>, std::span<const View>,
                    std::span<const View>, const AdamWArgs&) {
  not_implemented("adamw");
}

}  // namespace mote
