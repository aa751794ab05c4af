// Ctrl-C (SIGINT) and SIGTERM as a request that training looks for between two steps.
#pragma once

namespace gpt {

// From now on the first signal only leaves a note; a second one ends the program at once, which loses nothing but the
// steps since the last checkpoint.
void watch_for_interrupt();
bool interrupted();

}  // namespace gpt
