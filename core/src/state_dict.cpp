#include "mote/state_dict.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "mote/error.h"

namespace mote {

namespace {

// Levenshtein's distance: how many letters to insert, delete or replace.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replace = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = std::exchange(row[j + 1], std::min({replace, row[j] + 1, row[j + 1] + 1}));
    }
  }
  return row[b.size()];
}

// A name inside another module is closer than its letters say: 'weight' and 'layer.weight'.
bool is_nested_in(std::string_view inner, std::string_view outer) {
  return outer.size() > inner.size() && outer.ends_with(inner) && outer[outer.size() - inner.size() - 1] == '.';
}

std::vector<std::string> closest_names(std::string_view wanted, const StateDict& dict) {
  constexpr size_t kMostNames = 3;
  std::vector<std::pair<size_t, std::string>> found;
  for (const auto& [name, tensor] : dict) {
    const bool nested = is_nested_in(wanted, name) || is_nested_in(name, wanted);
    const size_t distance = nested ? 1 : edit_distance(wanted, name);
    if (distance <= std::max<size_t>(2, std::max(wanted.size(), name.size()) / 2)) found.emplace_back(distance, name);
  }
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> names;
  for (size_t i = 0; i < std::min(found.size(), kMostNames); ++i) names.push_back(fmt::format("'{}'", found[i].second));
  return names;
}

[[noreturn]] void throw_missing(std::string_view name, const StateDict& dict) {
  if (dict.empty()) throw IndexError(fmt::format("StateDict: there is no tensor named '{}': it is empty", name));
  const std::vector<std::string> closest = closest_names(name, dict);
  const std::string advice = closest.empty() ? fmt::format("the first is '{}'", dict.begin()->first)
                                             : fmt::format("the closest are {}", fmt::join(closest, ", "));
  throw IndexError(
      fmt::format("StateDict: there is no tensor named '{}' among the {} in it; {}", name, dict.size(), advice));
}

}  // namespace

StateDict::StateDict(std::initializer_list<value_type> entries) {
  for (const auto& [name, tensor] : entries) insert(name, tensor);
}

const Tensor* StateDict::find(std::string_view name) const {
  const auto found = positions_.find(name);
  return found == positions_.end() ? nullptr : &entries_[found->second].second;
}

const Tensor& StateDict::at(std::string_view name) const {
  if (const Tensor* tensor = find(name)) return *tensor;
  throw_missing(name, *this);
}

Tensor& StateDict::at(std::string_view name) { return const_cast<Tensor&>(std::as_const(*this).at(name)); }

Tensor& StateDict::operator[](std::string_view name) {
  if (!contains(name)) insert(std::string(name), Tensor());
  return at(name);
}

void StateDict::insert(std::string name, Tensor tensor) {
  const auto [place, is_new] = positions_.emplace(name, entries_.size());
  if (is_new)
    entries_.emplace_back(std::move(name), std::move(tensor));
  else
    entries_[place->second].second = std::move(tensor);
}

bool StateDict::erase(std::string_view name) {
  if (!contains(name)) return false;
  StateDict rest;
  for (auto& [other, tensor] : entries_)
    if (other != name) rest.insert(other, std::move(tensor));
  *this = std::move(rest);
  return true;
}

}  // namespace mote
