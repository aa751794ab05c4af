// What the user can put right: a wrong option, a file that does not fit. main() prints it as one sentence and ends the
// program with exit code 2.
#pragma once

#include <stdexcept>

namespace gpt {

class UserError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace gpt
