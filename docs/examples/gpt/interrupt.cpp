#include "interrupt.h"

#include <csignal>

namespace gpt {

namespace {

volatile std::sig_atomic_t signal_seen = 0;

extern "C" void note_signal(int) { signal_seen = 1; }

}  // namespace

void watch_for_interrupt() {
  struct sigaction action {};
  action.sa_handler = note_signal;
  action.sa_flags = SA_RESTART | static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool interrupted() { return signal_seen != 0; }

}  // namespace gpt
