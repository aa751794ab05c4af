// Exchange of memory with other libraries. The C structs stand for the other library.
#include "mote/dlpack.h"

#include "mote/core.h"
#include "mote/dlpack_abi.h"
#include "support/catch.h"
#include "support/fake_backend.h"

namespace mote::testing {

namespace {

// A foreign array of two rows and three columns whose deleter counts its calls.
struct Foreign {
  float values[7] = {-1, 0, 1, 2, 3, 4, 5};
  int64_t shape[2] = {2, 3};
  int64_t strides[2] = {3, 1};
  int deleted = 0;
  DLManagedTensor managed = {};

  Foreign() {
    managed.dl_tensor = {values, {kDLCPU, 0}, 2, {kDLFloat, 32, 1}, shape, strides, sizeof(float)};
    managed.manager_ctx = this;
    managed.deleter = [](DLManagedTensor* self) { ++static_cast<Foreign*>(self->manager_ctx)->deleted; };
  }
  Tensor import() { return from_dlpack(Dlpack(&managed)); }
};

}  // namespace

TEST_CASE("to_dlpack describes the tensor and shares its memory") {
  const Tensor x = arange(24, {.dtype = float32}).reshape({2, 3, 4});
  const Tensor view = x.transpose(0, 2).slice(1, 1, 3);
  const Dlpack managed = to_dlpack(view);
  const DLTensor& shared = managed->dl_tensor;
  CHECK(static_cast<char*>(shared.data) + shared.byte_offset == static_cast<const void*>(view.data_ptr<float>()));
  REQUIRE(shared.ndim == 3);
  CHECK(Shape(shared.shape, 3) == Shape({4, 2, 2}));
  CHECK(Shape(shared.strides, 3) == Shape({1, 4, 12}));
  CHECK(shared.device.device_type == kDLCPU);
  static_cast<float*>(shared.data)[0] = 77.0f;
  CHECK(x[0][1][0].item<float>() == 77.0f);
}

TEST_CASE("each dtype has its DLPack type") {
  const std::pair<DType, DLDataType> types[] = {
      {bool_, {kDLBool, 8, 1}},     {uint8, {kDLUInt, 8, 1}},     {int32, {kDLInt, 32, 1}},
      {int64, {kDLInt, 64, 1}},     {float16, {kDLFloat, 16, 1}}, {bfloat16, {kDLBfloat, 16, 1}},
      {float32, {kDLFloat, 32, 1}}, {float64, {kDLFloat, 64, 1}},
  };
  for (const auto& [dtype, expected] : types) {
    const Tensor x = ones({2}, {.dtype = dtype});
    Dlpack managed = to_dlpack(x);
    CHECK(int{managed->dl_tensor.dtype.code} == int{expected.code});
    CHECK(int{managed->dl_tensor.dtype.bits} == int{expected.bits});
    CHECK(managed->dl_tensor.dtype.lanes == 1);
    const Tensor back = from_dlpack(std::move(managed));
    CHECK(back.dtype() == dtype);
    CHECK(back.data_ptr() == x.data_ptr());
    CHECK(equal(back, x));
  }
}

TEST_CASE("exported memory lives until the other side lets go") {
  FakeBackend fake;
  const BackendOverride guard(DeviceType::CUDA, fake);
  Tensor x = arange(4).to("cuda");
  const size_t alive = fake.live_allocations();
  DLManagedTensor* managed = to_dlpack(x).release();
  CHECK(managed->dl_tensor.device.device_type == kDLCUDA);
  CHECK(fake.calls("synchronize") > 0);
  x = Tensor();
  CHECK(fake.live_allocations() == alive);
  Tensor back = from_dlpack(Dlpack(managed));
  CHECK(back.device() == Device("cuda:0"));
  CHECK(equal(back.cpu(), arange(4)));
  back = Tensor();
  CHECK(fake.live_allocations() < alive);
}

TEST_CASE("from_dlpack reads foreign memory in place and deletes it once") {
  Foreign foreign;
  {
    const Tensor x = foreign.import();
    CHECK(x.data_ptr<float>() == foreign.values + 1);
    CHECK(equal(x, arange(6, {.dtype = float32}).reshape({2, 3})));
    foreign.values[6] = 50;
    CHECK(x[1][2].item<float>() == 50);
    const Tensor row = x[0];
    CHECK(foreign.deleted == 0);
  }
  CHECK(foreign.deleted == 1);
}

TEST_CASE("from_dlpack takes any strides, and none for row-major") {
  Foreign foreign;
  foreign.managed.dl_tensor.strides = nullptr;
  CHECK(equal(foreign.import(), arange(6, {.dtype = float32}).reshape({2, 3})));
  foreign.managed.dl_tensor.strides = foreign.strides;
  foreign.strides[0] = 1;
  foreign.strides[1] = 2;
  CHECK(equal(foreign.import(), arange(6, {.dtype = float32}).reshape({3, 2}).t()));
  foreign.managed.dl_tensor.ndim = 0;
  CHECK(foreign.import().item<float>() == 0.0f);
  CHECK(foreign.deleted == 3);
  foreign.managed.deleter = nullptr;
  CHECK(foreign.import().dim() == 0);
}

TEST_CASE("what cannot be shared is an error, and the memory is let go") {
  Foreign foreign;
  DLTensor& shared = foreign.managed.dl_tensor;
  const DLTensor good = shared;
  shared.dtype = {kDLFloat, 32, 4};
  CHECK_THAT(message_of<DTypeError>([&] { foreign.import(); }), contains("code 2 with 32 bits and 4 lanes"));
  shared.dtype = {kDLInt, 16, 1};
  CHECK_THAT(message_of<DTypeError>([&] { foreign.import(); }), contains("code 0 with 16 bits"));
  shared = good;
  shared.device.device_type = static_cast<DLDeviceType>(10);
  CHECK_THAT(message_of<DeviceError>([&] { foreign.import(); }), contains("device type 10"));
  shared = good;
  foreign.strides[1] = -1;
  CHECK_THAT(message_of<ShapeError>([&] { foreign.import(); }), contains("[3, -1]"));
  foreign.strides[1] = 1;
  shared.byte_offset = 2;
  CHECK_THAT(message_of<ValueError>([&] { foreign.import(); }), contains("not aligned to elements of float32"));
  shared = good;
  int64_t nine[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
  shared.ndim = 9;
  shared.shape = nine;
  CHECK_THROWS_AS(foreign.import(), ShapeError);
  CHECK(foreign.deleted == 6);
  CHECK_THROWS_AS(from_dlpack(nullptr), ValueError);
  CHECK_THAT(message_of<StateError>([] { to_dlpack(ones({2}).requires_grad_()); }), contains("pass its detach()"));
  CHECK_THROWS_AS(to_dlpack(ones({2}, {.device = "meta"})), DeviceError);
}

}  // namespace mote::testing
