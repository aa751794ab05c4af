// What nn tells core, so that an error can say whose a tensor is, and what core tells nn::make's audit.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "mote/tensor_impl.h"

namespace mote::detail {

// A string that lives as long as the program; equal strings share it. For Origin::owner.
const char* intern(std::string_view text);

// Notes the unqualified name of a module class, so that a tensor whose origin lies in a constructor of that name is
// known to belong to a module.
void note_module_class(std::string_view name);
bool is_module_class(std::string_view name);

// Starts or stops noting every tensor that this thread makes; any thread may destroy them. Watches nest; each sees all
// that is made within it.
void begin_watch();
// The tensors still alive of those made since the matching begin_watch.
std::vector<Ref<TensorImpl>> end_watch();
bool is_watching();
void note(TensorImpl& impl);    // called where a tensor is made
void forget(TensorImpl& impl);  // called by its destructor

}  // namespace mote::detail
