// The groups of parameters of an optimizer. Each has all of the optimizer's options to itself.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "mote/nn/slot.h"

namespace mote::optim {

// A group as every optimizer has it. Its parameters are fixed; everything else may be changed between steps.
struct Group {
  Group(std::vector<nn::Parameter> parameters, double& rate, double& decay)
      : params(std::move(parameters)), lr(rate), weight_decay(decay) {}
  virtual ~Group() = default;
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;

  const std::vector<nn::Parameter> params;
  double& lr;  // this and weight_decay are those in the `options` of GroupOf
  double& weight_decay;
  // What schedules start from: the lr of the group when its first schedule was made.
  std::optional<double> initial_lr = std::nullopt;
  // By what each schedule multiplies it now, in the order in which the schedules were made.
  std::vector<double> lr_factors = {};
};

namespace detail {

// A base, so that the options exist before the references to them.
template <class Options>
struct HasOptions {
  Options options;
};

}  // namespace detail

// A group with the options of its optimizer: `sgd.param_groups()[1].options.momentum = 0.5`.
template <class Options>
struct GroupOf final : detail::HasOptions<Options>, Group {
  GroupOf(std::vector<nn::Parameter> parameters, const Options& values)
      : detail::HasOptions<Options>{values},
        Group(std::move(parameters), this->options.lr, this->options.weight_decay) {}
};

// A view of an optimizer's groups, in the order in which they were added; valid as long as the optimizer.
template <class G>
class GroupRange {
 public:
  using Groups = std::vector<std::unique_ptr<Group>>;

  class iterator {
   public:
    explicit iterator(Groups::const_iterator at) : at_(at) {}
    G& operator*() const { return static_cast<G&>(**at_); }
    G* operator->() const { return &**this; }
    iterator& operator++() {
      ++at_;
      return *this;
    }
    bool operator==(const iterator&) const = default;

   private:
    Groups::const_iterator at_;
  };

  explicit GroupRange(const Groups& groups) : groups_(&groups) {}

  size_t size() const { return groups_->size(); }
  // Without a check, as in std::vector.
  G& operator[](size_t index) const { return static_cast<G&>(*(*groups_)[index]); }
  G& front() const { return (*this)[0]; }
  G& back() const { return (*this)[size() - 1]; }
  iterator begin() const { return iterator(groups_->begin()); }
  iterator end() const { return iterator(groups_->end()); }

 private:
  const Groups* groups_;
};

}  // namespace mote::optim
