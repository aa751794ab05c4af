// Names and tensors, in the order in which they were put in: what a module or an optimizer saves.
#pragma once

#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "mote/tensor.h"

namespace mote {

class StateDict {
 public:
  using value_type = std::pair<const std::string, Tensor>;
  using iterator = std::vector<value_type>::iterator;
  using const_iterator = std::vector<value_type>::const_iterator;

  StateDict() = default;
  // Of equal names the last one stays, in the first one's place.
  StateDict(std::initializer_list<value_type> entries);
  StateDict(const StateDict&) = default;
  StateDict(StateDict&&) noexcept = default;
  StateDict& operator=(StateDict other) noexcept {
    entries_.swap(other.entries_);
    positions_.swap(other.positions_);
    return *this;
  }

  size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }
  bool contains(std::string_view name) const { return find(name) != nullptr; }
  // The tensor of that name; IndexError names the missing one and the closest that there are.
  Tensor& at(std::string_view name);
  const Tensor& at(std::string_view name) const;
  // The tensor of that name, added as an undefined one where there is none.
  Tensor& operator[](std::string_view name);
  // The tensor of that name, or null.
  const Tensor* find(std::string_view name) const;
  // Adds an entry, or replaces the tensor of that name and leaves it in its place.
  void insert(std::string name, Tensor tensor);
  // True where there was one of that name. Takes time in proportion to size().
  bool erase(std::string_view name);

  iterator begin() { return entries_.begin(); }
  iterator end() { return entries_.end(); }
  const_iterator begin() const { return entries_.begin(); }
  const_iterator end() const { return entries_.end(); }

 private:
  struct Hash {
    using is_transparent = void;  // looks up a string_view without making a string
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };

  std::vector<value_type> entries_;
  std::unordered_map<std::string, size_t, Hash, std::equal_to<>> positions_;
};

}  // namespace mote
