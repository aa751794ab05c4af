// What the simulator found wrong: told on stderr, counted, and kept for the tests.
#pragma once

#include <string>

namespace simt {

void report(const std::string& message);
// Errors that make every later call fail, as a faulted CUDA context does.
void set_sticky_error(int error);
int sticky_error();

// For tests: how many reports there were, the last of them, and a fresh start.
unsigned report_count();
std::string last_report();
void reset_reports();

}  // namespace simt
