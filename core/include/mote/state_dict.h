// Names and tensors, in the order in which they were put in: what a module or an optimizer saves.
#pragma once

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
  using value_type = std::pair<std::string, Tensor>;
  using iterator = std::vector<value_type>::iterator;
  using const_iterator = std::vector<value_type>::const_iterator;

  StateDict() = default;
  StateDict(std::initializer_list<value_type> entries);

  size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }
  bool contains(std::string_view name) const { return find(name) != nullptr; }
  // The tensor of that name; IndexError names the missing key and the closest ones.
  Tensor& at(std::string_view name);
  const Tensor& at(std::string_view name) const;
  // The tensor of that name, made undefined where there is none.
  Tensor& operator[](std::string_view name);
  const Tensor* find(std::string_view name) const;
  // Adds an entry, or replaces the one of that name.
  void insert(std::string name, Tensor tensor);
  bool erase(std::string_view name);

  iterator begin() { return entries_.begin(); }
  iterator end() { return entries_.end(); }
  const_iterator begin() const { return entries_.begin(); }
  const_iterator end() const { return entries_.end(); }

 private:
  std::vector<value_type> entries_;
  std::unordered_map<std::string, size_t> positions_;
};

}  // namespace mote
