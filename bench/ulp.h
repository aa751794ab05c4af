// The accuracy of the CPU's vector functions over all float32 arguments.
#pragma once

#include <string>

namespace bench {

// Prints the worst errors of the function of that name, or of all where it is empty, beside the bounds that are stated
// for them. `quick` looks at one argument in 1021. Returns whether all bounds hold; throws for a name that is none.
bool check_accuracy(const std::string& name, bool quick);

}  // namespace bench
