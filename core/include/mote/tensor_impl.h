// What a Tensor handle points to: storage, geometry, and autograd metadata. Users never name this type.
#pragma once

#include "mote/dtype.h"
#include "mote/origin.h"
#include "mote/ref.h"
#include "mote/shape.h"
#include "mote/storage.h"

namespace mote {

class Node;
class LeafNode;
struct TensorImpl;
void destroy_ref(Node* node);  // iterative, so that a long graph does not overflow the stack
void destroy_ref(LeafNode* node);
void destroy_ref(TensorImpl* impl);

struct TensorImpl : RefCounted {
  TensorImpl(Ref<Storage> storage, const Shape& shape, const Shape& strides, int64_t offset, DType dtype);
  TensorImpl(const TensorImpl&) = delete;
  TensorImpl& operator=(const TensorImpl&) = delete;
  ~TensorImpl();

  // From lists of this thread: a small operation must not pay for malloc.
  static void* operator new(size_t size);
  static void operator delete(void* memory, size_t size) noexcept;

  Ref<Storage> storage;
  Shape shape;
  Shape strides;       // in elements
  int64_t offset = 0;  // in elements, from the start of the storage
  int64_t numel = 0;
  DType dtype;
  bool contiguous = true;

  // Autograd. A leaf that requires grad has `leaf`; a result of a recorded operation has `grad_fn`.
  bool requires_grad = false;
  bool loose = false;      // a view of what requires grad, made while nothing was recorded
  uint32_t output_nr = 0;  // which output of grad_fn this is
  Ref<Node> grad_fn;
  Ref<LeafNode> leaf;         // also holds .grad of a non-leaf after retain_grad()
  Ref<TensorImpl> base;       // of a view: the tensor that is no view itself
  uint32_t history = 0;       // of a base: how often an in-place operation replaced its grad_fn
  uint32_t base_history = 0;  // of a view: the base's `history` that this grad_fn reflects

  Origin origin;
};

}  // namespace mote
