// The machine, the build and the versions of everything that was measured.
#pragma once

#include <mote/device.h>

#include "bench_report.h"

namespace bench {

Machine describe_machine(const mote::Device& device);
// Now, in UTC.
std::string date_text();
// Of the sources that the bench was built from.
std::string commit_text();

}  // namespace bench
