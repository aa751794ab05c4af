#include "support/fake_backend.h"

#include <sys/mman.h>

#include <new>
#include <stdexcept>

namespace mote::testing {

FakeBackend::FakeBackend() : cpu_(backend_of(Device("cpu"))) {}

FakeBackend::~FakeBackend() {
  for (auto& [address, block] : blocks_) {
    munmap(const_cast<char*>(address), block.reserved);
    cpu_.deallocate(block.host, block.bytes, 0);
  }
}

int FakeBackend::calls(const std::string& method) const {
  const std::lock_guard lock(mutex_);
  const auto found = calls_.find(method);
  return found == calls_.end() ? 0 : found->second;
}

int FakeBackend::total_calls() const {
  const std::lock_guard lock(mutex_);
  int total = 0;
  for (const auto& [method, count] : calls_) total += count;
  return total;
}

size_t FakeBackend::live_bytes() const {
  const std::lock_guard lock(mutex_);
  size_t total = 0;
  for (const auto& [address, block] : blocks_) total += block.bytes;
  return total;
}

void* FakeBackend::allocate(size_t bytes, int) {
  counted("allocate");
  constexpr size_t kPage = 4096;
  const size_t reserved = (bytes + kPage) / kPage * kPage;  // one byte more at least: blocks never touch
  void* address = mmap(nullptr, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED) throw std::bad_alloc();
  const std::lock_guard lock(mutex_);
  blocks_[static_cast<const char*>(address)] = {bytes, reserved, static_cast<char*>(cpu_.allocate(bytes, 0))};
  return address;
}

void FakeBackend::deallocate(void* data, size_t, int) noexcept {
  const std::lock_guard lock(mutex_);
  const auto found = blocks_.find(static_cast<const char*>(data));
  if (found == blocks_.end()) return;  // cannot throw here; the block stays in live_allocations()
  munmap(data, found->second.reserved);
  cpu_.deallocate(found->second.host, found->second.bytes, 0);
  blocks_.erase(found);
}

Backend& FakeBackend::counted(const char* method) {
  const std::lock_guard lock(mutex_);
  ++calls_[method];
  return cpu_;
}

char* FakeBackend::host_of(const void* data, int64_t first, int64_t last) const {
  const char* address = static_cast<const char*>(data);
  const std::lock_guard lock(mutex_);
  auto found = blocks_.upper_bound(address);
  if (found == blocks_.begin()) throw std::logic_error("fake backend: got an address that it did not allocate");
  --found;
  const auto& [start, block] = *found;
  const int64_t at = address - start;
  if (at > static_cast<int64_t>(block.bytes))
    throw std::logic_error("fake backend: got an address that it did not allocate");
  if (at + first < 0 || at + last > static_cast<int64_t>(block.bytes))
    throw std::logic_error("fake backend: got a view that reaches beyond its allocation");
  return block.host + at;
}

View FakeBackend::host_view(const View& view) const {
  if (view.numel() == 0) return view;
  int64_t low = 0, high = 1;
  for (int d = 0; d < view.shape.rank(); ++d) {
    const int64_t reach = (view.shape[d] - 1) * view.strides[d];
    (reach < 0 ? low : high) += reach;
  }
  const auto size = static_cast<int64_t>(size_of(view.dtype));
  View host = view;
  host.data = host_of(view.data, low * size, high * size);
  return host;
}

std::optional<View> FakeBackend::host_view(const std::optional<View>& view) const {
  if (!view) return std::nullopt;
  return host_view(*view);
}

std::vector<View> FakeBackend::host_views(std::span<const View> views) const {
  std::vector<View> host;
  for (const View& view : views) host.push_back(host_view(view));
  return host;
}

// --- memory ----------------------------------------------------------------------------------------------------------

void FakeBackend::copy_from_host(void* device_data, const void* host, size_t bytes, int) {
  char* to = bytes ? host_of(device_data, 0, static_cast<int64_t>(bytes)) : nullptr;
  counted("copy_from_host").copy_from_host(to, host, bytes, 0);
}

void FakeBackend::copy_to_host(void* host, const void* device_data, size_t bytes, int) {
  const char* from = bytes ? host_of(device_data, 0, static_cast<int64_t>(bytes)) : nullptr;
  counted("copy_to_host").copy_to_host(host, from, bytes, 0);
}

void FakeBackend::synchronize(int) { counted("synchronize").synchronize(0); }

// --- everything else goes to the CPU backend, on host views ----------------------------------------------------------

void FakeBackend::fill(const View& out, const Scalar& value) { counted("fill").fill(host_view(out), value); }

void FakeBackend::copy(const View& out, const View& in) { counted("copy").copy(host_view(out), host_view(in)); }

void FakeBackend::arange(const View& out, const Scalar& start, const Scalar& step) {
  counted("arange").arange(host_view(out), start, step);
}

void FakeBackend::linspace(const View& out, double start, double end) {
  counted("linspace").linspace(host_view(out), start, end);
}

void FakeBackend::unary(UnaryOp op, const View& out, const View& in) {
  counted("unary").unary(op, host_view(out), host_view(in));
}

void FakeBackend::binary(BinaryOp op, const View& out, const View& a, const View& b) {
  counted("binary").binary(op, host_view(out), host_view(a), host_view(b));
}

void FakeBackend::binary(BinaryOp op, const View& out, const View& a, const Scalar& b) {
  counted("binary").binary(op, host_view(out), host_view(a), b);
}

void FakeBackend::binary(BinaryOp op, const View& out, const Scalar& a, const View& b) {
  counted("binary").binary(op, host_view(out), a, host_view(b));
}

void FakeBackend::where(const View& out, const View& condition, const View& a, const View& b) {
  counted("where").where(host_view(out), host_view(condition), host_view(a), host_view(b));
}

void FakeBackend::masked_fill(const View& out, const View& in, const View& mask, const Scalar& value) {
  counted("masked_fill").masked_fill(host_view(out), host_view(in), host_view(mask), value);
}

void FakeBackend::triangle(const View& out, const View& in, int64_t diagonal, bool upper) {
  counted("triangle").triangle(host_view(out), host_view(in), diagonal, upper);
}

void FakeBackend::reduce(ReduceOp op, const View& out, const View& in) {
  counted("reduce").reduce(op, host_view(out), host_view(in));
}

void FakeBackend::variance(const View& out, const View& in, double correction) {
  counted("variance").variance(host_view(out), host_view(in), correction);
}

void FakeBackend::arg_reduce(bool largest, const View& out, const View& in, int64_t dim) {
  counted("arg_reduce").arg_reduce(largest, host_view(out), host_view(in), dim);
}

void FakeBackend::cumsum(const View& out, const View& in, int64_t dim) {
  counted("cumsum").cumsum(host_view(out), host_view(in), dim);
}

void FakeBackend::softmax(const View& out, const View& in, bool log) {
  counted("softmax").softmax(host_view(out), host_view(in), log);
}

void FakeBackend::softmax_backward(const View& grad_in, const View& grad_out, const View& out, bool log) {
  counted("softmax_backward").softmax_backward(host_view(grad_in), host_view(grad_out), host_view(out), log);
}

void FakeBackend::masked_softmax(const View& out, const View& in, const View& mask, double scale) {
  counted("masked_softmax").masked_softmax(host_view(out), host_view(in), host_view(mask), scale);
}

void FakeBackend::masked_softmax_backward(const View& grad_in, const View& grad_out, const View& out, double scale) {
  counted("masked_softmax_backward")
      .masked_softmax_backward(host_view(grad_in), host_view(grad_out), host_view(out), scale);
}

void FakeBackend::matmul(const View& out, const View& a, const View& b, bool accumulate) {
  counted("matmul").matmul(host_view(out), host_view(a), host_view(b), accumulate);
}

void FakeBackend::gather(const View& out, const View& in, int64_t dim, const View& index) {
  counted("gather").gather(host_view(out), host_view(in), dim, host_view(index));
}

void FakeBackend::scatter(const View& out, int64_t dim, const View& index, const View& source, bool add) {
  counted("scatter").scatter(host_view(out), dim, host_view(index), host_view(source), add);
}

void FakeBackend::index_select(const View& out, const View& in, int64_t dim, const View& index) {
  counted("index_select").index_select(host_view(out), host_view(in), dim, host_view(index));
}

void FakeBackend::index_add(const View& out, int64_t dim, const View& index, const View& source, bool add) {
  counted("index_add").index_add(host_view(out), dim, host_view(index), host_view(source), add);
}

void FakeBackend::index_positions(const View& out, std::span<const View> indices, const Shape& dims, const Shape& sizes,
                                  const Shape& strides) {
  counted("index_positions").index_positions(host_view(out), host_views(indices), dims, sizes, strides);
}

int64_t FakeBackend::count_nonzero(const View& in) { return counted("count_nonzero").count_nonzero(host_view(in)); }

void FakeBackend::nonzero(const View& out, const View& in) {
  counted("nonzero").nonzero(host_view(out), host_view(in));
}

void FakeBackend::sort(const View& values, const View& indices, const View& in, bool descending) {
  counted("sort").sort(host_view(values), host_view(indices), host_view(in), descending);
}

void FakeBackend::topk(const View& values, const View& indices, const View& in, int64_t k, bool largest) {
  counted("topk").topk(host_view(values), host_view(indices), host_view(in), k, largest);
}

void FakeBackend::random(RandomOp op, const View& out, const Scalar& a, const Scalar& b, Generator& generator) {
  counted("random").random(op, host_view(out), a, b, generator);
}

void FakeBackend::dropout_mask(const View& out, double p, Generator& generator) {
  counted("dropout_mask").dropout_mask(host_view(out), p, generator);
}

}  // namespace mote::testing
