// Where the golden files are.
#pragma once

#include <string>

namespace mote::testing {

// The path of a file in tests/data.
inline std::string data_path(const std::string& name) { return std::string(MOTE_TEST_DATA) + "/" + name; }

}  // namespace mote::testing
