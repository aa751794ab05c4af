// mote_op_table docs    the documentation page of all operations
// mote_op_table cases   inputs and PyTorch expressions, one JSON object a line, for tests/data/generate.py
#include <cstdio>
#include <cstring>
#include <exception>

#include "op_table/compare.h"
#include "op_table/documentation.h"

namespace mote::op_table {

namespace {

void print_tensor(const Tensor& tensor) {
  std::printf("{\"dtype\":\"%s\",\"shape\":[", name_of(tensor.dtype()));
  for (int64_t d = 0; d < tensor.dim(); ++d)
    std::printf("%s%lld", d ? "," : "", static_cast<long long>(tensor.size(d)));
  std::printf("],\"values\":[");
  const std::vector<double> values = values_of(tensor);
  for (size_t i = 0; i < values.size(); ++i) std::printf("%s%.17g", i ? "," : "", values[i]);
  std::printf("]}");
}

void print_cases() {
  for (const Row& row : rows()) {
    for (const Case& test_case : cases_of(row)) {
      std::printf("{\"key\":\"%s\",\"fingerprint\":\"%s\",\"torch\":\"%s\",\"inputs\":[", test_case.key().c_str(),
                  fingerprint(test_case).c_str(), row.torch.c_str());
      bool first = true;
      for (const Tensor& input : inputs_of(row, test_case.shape, test_case.dtype)) {
        if (!first) std::printf(",");
        first = false;
        print_tensor(input);
      }
      std::printf("]}\n");
    }
  }
}

int run(const char* command) {
  if (std::strcmp(command, "docs") == 0) {
    std::fputs(documentation().c_str(), stdout);
  } else if (std::strcmp(command, "cases") == 0) {
    print_cases();
  } else {
    std::fprintf(stderr, "usage: mote_op_table docs|cases\n");
    return 2;
  }
  return 0;
}

}  // namespace

}  // namespace mote::op_table

int main(int argc, char** argv) {
  try {
    return mote::op_table::run(argc == 2 ? argv[1] : "");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "mote_op_table: %s\n", error.what());
    return 1;
  }
}
