#include "cpu/element_rows.h"
namespace mote::cpu {

UnaryRow find_vector_row(UnaryOp, DType) { return nullptr; }
BinaryRow find_vector_row(BinaryOp, DType) { return nullptr; }

}  // namespace mote::cpu
