// Ways to copy memory on all threads, for the roofline.
#pragma once

#include <cstddef>
#include <vector>

namespace bench {

struct Copy {
  const char* name;
  // `bytes` is a multiple of 4096.
  void (*run)(const void* from, void* to, size_t bytes);
};

const std::vector<Copy>& copies();

}  // namespace bench
