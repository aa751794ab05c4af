// Which shapes a family of rows is to give.
#pragma once

#include <mote/device.h>

#include <vector>

namespace bench {

struct Selection {
  bool sweep = false;  // every shape of a family, not only the headline ones
  bool smoke = false;  // small shapes only, in place of both
  mote::Device device = {};
};

// A shape, or whatever describes a case of a family, and whether it is timed without --sweep.
template <class T>
struct Choice {
  T value;
  bool headline;
};

template <class T>
std::vector<Choice<T>> choose(const Selection& selection, const std::vector<T>& headline, const std::vector<T>& sweep,
                              const std::vector<T>& smoke) {
  std::vector<Choice<T>> chosen;
  for (const T& value : selection.smoke ? smoke : headline) chosen.push_back({value, true});
  if (selection.sweep && !selection.smoke)
    for (const T& value : sweep) chosen.push_back({value, false});
  return chosen;
}

}  // namespace bench
