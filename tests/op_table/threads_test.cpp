// Every operation gives the same bits with any number of threads, on arrays large enough to be cut.
#include <omp.h>

#include <cstring>
#include <thread>

#include "mote/threads.h"
#include "op_table/compare.h"
#include "support/catch.h"

namespace mote::op_table {

namespace {

class Threads {
 public:
  explicit Threads(int threads) { set_num_threads(threads); }
  ~Threads() { set_num_threads(before_); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
  int before_ = get_num_threads();
};

Outcome evaluate_on(int threads, const Row& row, const std::vector<Tensor>& inputs) {
  const Threads scope(threads);
  return evaluate(row, row.run, inputs);
}

bool same_bits(const Tensor& a, const Tensor& b) {
  if (a.defined() != b.defined()) return false;
  if (!a.defined()) return true;
  if (!(a.shape() == b.shape()) || a.dtype() != b.dtype()) return false;
  const Tensor x = a.contiguous(), y = b.contiguous();
  const auto bytes = static_cast<size_t>(x.numel()) * x.element_size();
  return bytes == 0 || std::memcmp(x.data_ptr(), y.data_ptr(), bytes) == 0;
}

bool same_bits(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (!same_bits(a[i], b[i])) return false;
  return true;
}

// Those that are timed are cut; the vocabulary of a language model takes too long here.
bool is_suitable(const Row& row) {
  int64_t elements = 0;
  for (const Shape& shape : row.bench) elements += shape.numel();
  return elements > 0 && elements <= 6'000'000;
}

}  // namespace

TEST_CASE("set_num_threads sets what get_num_threads says, and refuses less than one") {
  const Threads three(3);
  CHECK(get_num_threads() == 3);
  std::thread([] { CHECK(get_num_threads() == 3); }).join();
  set_num_threads(1);
  CHECK(get_num_threads() == 1);
  std::thread([] {
    CHECK(get_num_threads() == 1);
    set_num_threads(2);
  }).join();
  CHECK(get_num_threads() == 1);  // has its number already
  CHECK_THAT(testing::message_of<ValueError>([] { set_num_threads(0); }),
             testing::contains("set_num_threads: expected at least 1, but got 0"));
}

TEST_CASE("set_num_threads leaves what another thread told OpenMP") {
  const Threads three(3);
  std::thread([] {
    omp_set_num_threads(5);
    CHECK(get_num_threads() == 5);
    std::thread([] { set_num_threads(2); }).join();
    CHECK(get_num_threads() == 5);
  }).join();
}

TEST_CASE("the same bits with 1, 2 and 4 threads") {
  int tried = 0;
  for (const Row& row : rows()) {
    if (!is_suitable(row)) continue;
    ++tried;
    DYNAMIC_SECTION(row.name) {
      const std::vector<Tensor> inputs = inputs_of(row, row.bench, row.dtypes.front());
      const Outcome want = evaluate_on(1, row, inputs);
      for (int threads : {2, 4}) {
        CAPTURE(threads);
        const Outcome got = evaluate_on(threads, row, inputs);
        CHECK(same_bits(got.outputs, want.outputs));
        CHECK(same_bits(got.gradients, want.gradients));
      }
    }
  }
  CHECK(tried > 20);
}

}  // namespace mote::op_table
