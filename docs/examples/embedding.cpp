// The chapter on embedding mote: the host's memory in a tensor, errors as exceptions, files, threads.
#include <mote/mote.h>

#include <cstdio>
#include <filesystem>
#include <iostream>
#include <thread>
#include <vector>

using mote::Tensor;

static void memory_of_the_host() {
  std::vector<float> samples = {3, 1, 4, 1, 5, 9};
  Tensor view = mote::from_blob(samples.data(), {2, 3});  // no copy: the vector must outlive the tensor
  view.mul_(10.0);
  std::cout << samples[5] << "\n";
  const float* data = view.data_ptr<float>();
  std::cout << data[1] << "\n";
}

static void errors() {
  try {
    mote::matmul(mote::ones({2, 3}), mote::ones({2, 3}));
  } catch (const mote::ShapeError& error) {
    std::cout << error.what() << "\n";
  }
}

static void files() {
  const std::string path = (std::filesystem::temp_directory_path() / "mote-example.safetensors").string();
  mote::nn::Linear layer(3, 2);
  mote::save_safetensors(path, layer.state_dict());
  mote::nn::Linear other(3, 2);
  other.load_state_dict(mote::load_safetensors(path));
  std::cout << mote::equal(layer.weight, other.weight) << "\n";
  std::filesystem::remove(path);
}

static void threads() {
  std::vector<double> sums(4);
  std::vector<std::thread> workers;
  for (size_t i = 0; i < sums.size(); ++i)
    workers.emplace_back([&sums, i] {
      Tensor x = mote::full({1000}, static_cast<double>(i), {.requires_grad = true});
      (x * x).sum().backward();
      sums[i] = x.grad().sum().item<double>();
    });
  for (std::thread& worker : workers) worker.join();
  for (const double sum : sums) std::cout << sum << " ";
  std::cout << "\n";
}

int main() {
  memory_of_the_host();
  errors();
  files();
  threads();
}
