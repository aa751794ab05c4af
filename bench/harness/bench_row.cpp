#include "bench_row.h"

#include <fmt/format.h>
#include <mote/fmt.h>

namespace bench {

const char* name_of(Direction direction) { return direction == Direction::Forward ? "forward" : "both"; }

std::string name_of(const Row& row, const mote::Device& device) {
  return fmt::format("{}/{}/{}/{}/{}/{}", row.family, row.operation, row.shape, name_of(row.dtype), device.str(),
                     name_of(row.direction));
}

}  // namespace bench
