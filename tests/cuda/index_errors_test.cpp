// Index errors that the device finds while the host goes on: who throws them, what they leave as it was, and that
// optimizers do not step on them.
#include <cuda_runtime.h>

#include "cuda/parity.h"
#include "mote/mote.h"

namespace mote::testing {

namespace {

const TensorOptions kOnCuda{.device = "cuda"};
constexpr const char* kLater = "\nAn earlier call met this; with MOTE_CUDA_SYNC=1";

Tensor on_cuda(const Tensor& x) { return x.to("cuda"); }

// Asks for rows 1 and 5 of 4. Whether the error is still to come; where it is not, it was the call's own.
bool fails_later() {
  try {
    embedding(ones({4, 2}, kOnCuda), on_cuda(tensor({1, 5})));
    return true;
  } catch (const IndexError& error) {
    CHECK(std::string(error.what()) == "embedding: index 5 is out of range for dimension 0 of size 4");
    return false;
  }
}

template <class Wait>
void check_thrown_by(const Wait& wait) {
  if (fails_later()) {
    const std::string message = message_of<IndexError>(wait);
    CHECK_THAT(message, contains("embedding: index 5 is out of range for dimension 0 of size 4"));
    CHECK_THAT(message, contains(kLater));
  }
  CHECK_NOTHROW(wait());  // once
}

}  // namespace

TEST_CASE("an index error comes from the call, or from the next wait for the device") {
  if (!has_cuda()) return;
  const Tensor x = ones({3}, kOnCuda);
  const cuda::Stream side;
  check_thrown_by([&] { x.sum().item<float>(); });
  check_thrown_by([&] { x.to("cpu"); });
  check_thrown_by([] { cuda::synchronize(); });
  check_thrown_by([&] { backend_of(x.device()).raise_pending_errors(0); });
  check_thrown_by([&] {
    cuda::Event done;
    done.record();
    done.synchronize();
  });
  cuda::synchronize();
  check_thrown_by([&] {
    cuda::Event done;
    done.record();
    side.wait(done);
    side.synchronize();
  });
}

TEST_CASE("a copy that does not wait leaves an index error to the wait behind it") {
  if (!has_cuda()) return;
  const Tensor x = ones({3}, kOnCuda);
  const auto check_left_to = [&](const auto& wait) {
    Tensor here;
    const bool later = fails_later();
    CHECK_NOTHROW(here = x.to("cpu", {.non_blocking = true}));
    if (later) CHECK_THAT(message_of<IndexError>(wait), contains("embedding: index 5"));
    CHECK_NOTHROW(wait());
    CHECK(equal(here, ones({3})));
  };
  check_left_to([] { cuda::Stream::current().synchronize(); });
  check_left_to([] {
    const cuda::Stream stream = cuda::Stream::current();
    cudaStreamSynchronize(static_cast<cudaStream_t>(stream.native_handle()));  // no wait that mote knows of
    stream.query();
  });
  cuda::Event done;
  check_left_to([&] {
    done.record();
    cudaEventSynchronize(static_cast<cudaEvent_t>(done.native_handle()));
    done.query();
  });
}

TEST_CASE("a copy that throws an index error has not written") {
  if (!has_cuda()) return;
  const Tensor x = ones({3}, kOnCuda), target = zeros({3}), pinned = zeros({3}, {.pinned_memory = true});
  for (const Tensor& here : {target, pinned}) {
    if (!fails_later()) continue;
    CHECK_THROWS_AS(here.copy_(x), IndexError);
    CHECK(equal(here, zeros({3})));
    CHECK(equal(here.copy_(x), ones({3})));
  }
}

TEST_CASE("the first index error is the one that is thrown, once") {
  if (!has_cuda()) return;
  const Tensor x = ones({4, 2}, kOnCuda), logits = ones({3, 5}, kOnCuda);
  const auto bad_calls = [&] {
    cross_entropy(logits, on_cuda(tensor({0, 9, 8})));
    embedding(x, on_cuda(tensor({1, 5})));
  };
  CHECK_THAT(index_error(bad_calls), contains("cross_entropy: target 9 at row 1 is outside [0, 5)"));
  CHECK_NOTHROW(cuda::synchronize());
  CHECK(equal(embedding(x, on_cuda(tensor({1, 2}))).to("cpu"), ones({2, 2})));
}

TEST_CASE("nothing is changed in place at positions of which one is bad") {
  if (!has_cuda()) return;
  const Tensor was = arange(24, {.dtype = float32}).reshape({4, 6}), x = on_cuda(was.clone());
  const Tensor rows = on_cuda(tensor({0, 4})), columns = on_cuda(tensor({2, 3}));
  const auto unchanged = [&](const std::string& text, const auto& call) {
    CHECK(index_error(call) == text);
    CHECK(equal(x.to("cpu"), was));
  };
  const std::string row_4 = "index 4 is out of range for dimension 0 of size 4";
  unchanged("index_put_: " + row_4, [&] { x.index_put_({rows}, 7.0); });
  unchanged("index_put_: " + row_4, [&] { x.index_put_({rows, columns}, 7.0); });
  unchanged("index_put_: " + row_4, [&] { x.index_put_({rows, columns}, ones({2}, kOnCuda), true); });
  unchanged("index_add_: " + row_4, [&] { x.index_add_(0, rows, ones({2, 6}, kOnCuda)); });
  unchanged("scatter_: index 6 is out of range for dimension 1 of size 6", [&] {
    x.scatter_(1, on_cuda(tensor({{0}, {6}})), 7.0);
  });
  const Tensor many = on_cuda(mixed_integers({3, 5000}, 0, 9)), flat = zeros({3, 8}, kOnCuda);
  CHECK_THAT(index_error([&] {
               flat.scatter_add_(1, many, ones({3, 5000}, kOnCuda));
             }),
             contains("scatter_add_: index 8 is out of range for dimension 1 of size 8"));
  CHECK(equal(flat.to("cpu"), zeros({3, 8})));
}

TEST_CASE("no optimizer steps on the gradients of a bad index") {
  if (!has_cuda()) return;
  const Tensor start = rand({4, 3});
  const auto trained = [&](auto make) {
    nn::Embedding table(4, 3);
    table.to("cuda");
    {
      const NoGradGuard no_grad;
      table.weight.copy_(start);
    }
    auto optimizer = make(table);
    const auto step = [&](const Tensor& ids) {
      optimizer.zero_grad();
      table(ids).square().sum().backward();
      optimizer.step();
    };
    step(on_cuda(tensor({0, 1})));
    const Tensor before = table.weight.tensor().detach().to("cpu", float32, true);
    CHECK(!equal(before, start));
    CHECK_THAT(index_error([&] { step(on_cuda(tensor({2, 7}))); }), contains("embedding: index 7"));
    CHECK(equal(table.weight.tensor().detach().to("cpu"), before));
    step(on_cuda(tensor({2, 3})));  // the next one is as any
    CHECK(!equal(table.weight.tensor().detach().to("cpu"), before));
    return optimizer.state_dict();
  };
  trained([](nn::Embedding& table) { return optim::SGD(table.parameters(), {.lr = 0.1}); });
  trained([](nn::Embedding& table) { return optim::AdamW(table.parameters(), {.lr = 0.1}); });
  trained([](nn::Embedding& table) { return optim::AdamW(table.parameters(), {.lr = 0.1, .amsgrad = true}); });
  const StateDict counted =
      trained([](nn::Embedding& table) { return optim::Adam(table.parameters(), {.lr = 0.1, .capturable = true}); });
  CHECK(counted.at("state.0.step").item<float>() == 2.0f);  // without the one that was not taken
}

TEST_CASE("an optimizer whose first step was refused is saved, loaded, and goes on") {
  if (!has_cuda()) return;
  const bool through_capturable = GENERATE(true, false);
  nn::Embedding table(4, 3), reference(4, 3);
  reference.load_state_dict(table.state_dict());
  table.to("cuda");
  reference.to("cuda");
  optim::Adam optimizer(table.parameters(), {.lr = 0.1, .capturable = true});
  optim::Adam expected(reference.parameters(), {.lr = 0.1, .capturable = true});
  const auto step = [](nn::Embedding& layer, optim::Adam& adam, const Tensor& ids) {
    adam.zero_grad();
    layer(ids).square().sum().backward();
    adam.step();
  };
  CHECK_THAT(index_error([&] { step(table, optimizer, on_cuda(tensor({2, 7}))); }), contains("embedding: index 7"));
  optim::Adam other(table.parameters(), {.capturable = through_capturable});
  other.load_state_dict(optimizer.state_dict());
  optimizer.load_state_dict(other.state_dict());
  step(table, optimizer, on_cuda(tensor({2, 3})));
  step(reference, expected, on_cuda(tensor({2, 3})));
  CHECK(equal(table.weight.tensor().detach().cpu(), reference.weight.tensor().detach().cpu()));
  CHECK(optimizer.state_dict().at("state.0.step").item<float>() == 1.0f);
}

TEST_CASE("a replay at a bad position throws, and changes neither parameters nor the count of steps") {
  if (!has_cuda()) return;
  nn::Embedding table(4, 3);
  table.to("cuda");
  optim::AdamW optimizer(table.parameters(), {.lr = 0.1, .capturable = true});
  const Tensor ids = on_cuda(tensor({0, 1}));
  Tensor loss;
  const auto step = [&] {
    optimizer.zero_grad();
    loss = table(ids).square().sum();
    loss.backward();
    optimizer.step();
  };
  step();
  cuda::Graph graph;
  graph.capture(step);
  graph.replay();
  const Tensor before = table.weight.tensor().detach().to("cpu", float32, true);
  ids.copy_(tensor({3, -1}));
  const std::string message = message_of<IndexError>([&] {
    graph.replay();
    graph.replay();
    loss.item<float>();
  });
  CHECK_THAT(message, contains("embedding: index -1 is out of range for dimension 0 of size 4"));
  CHECK_THAT(message, contains(kLater));
  CHECK(equal(table.weight.tensor().detach().to("cpu"), before));
  CHECK(optimizer.state_dict().at("state.0.step").item<float>() == 2.0f);
  ids.copy_(tensor({3, 2}));
  graph.replay();
  CHECK(!equal(table.weight.tensor().detach().to("cpu"), before));
  CHECK(optimizer.state_dict().at("state.0.step").item<float>() == 3.0f);
}

}  // namespace mote::testing
