// docs/operations.md, made from the operation table.
#pragma once

#include <string>

#include "op_table/row.h"

namespace mote::op_table {

std::string documentation();

}  // namespace mote::op_table
