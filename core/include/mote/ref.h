// Intrusive reference counting: one pointer wide, no separate control block, the count beside the object.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace mote {

// Base of objects held by Ref. A copy of the object starts with a count of its own.
class RefCounted {
 public:
  RefCounted() = default;
  RefCounted(const RefCounted&) {}
  RefCounted& operator=(const RefCounted&) { return *this; }

  uint32_t use_count() const { return count_.load(std::memory_order_relaxed); }
  void retain() const { count_.fetch_add(1, std::memory_order_relaxed); }
  // The first reference to an object that nobody else knows yet: a plain store, which costs less than an addition.
  void retain_first() const { count_.store(1, std::memory_order_relaxed); }
  // For somebody who has no reference to an object that is_watched(). False where the last one is gone and the object
  // is about to be destroyed.
  bool retain_if_alive() const {
    for (uint32_t count = use_count(); count != 0;)
      if (count_.compare_exchange_weak(count, count + 1, std::memory_order_acquire, std::memory_order_relaxed))
        return true;
    return false;
  }
  // True when this was the last reference. Who holds the only one needs no atomic subtraction: nobody else can copy it,
  // unless the object is watched.
  bool release() const {
    if (count_.load(std::memory_order_acquire) == 1 && !is_watched()) return true;
    return count_.fetch_sub(1, std::memory_order_acq_rel) == 1;
  }

  // Whether retain_if_alive may be called: set before another thread sees the object, and taken back only by somebody
  // who holds a reference.
  bool is_watched() const { return watched_.load(std::memory_order_relaxed); }
  void set_watched(bool watched) const { watched_.store(watched, std::memory_order_relaxed); }

 private:
  mutable std::atomic<uint32_t> count_{0};
  mutable std::atomic<bool> watched_{false};
};

// What the last Ref does with the object; overloaded where deletion is special (found by argument-dependent lookup).
template <class T>
void destroy_ref(T* object) {
  delete object;
}

template <class T>
class Ref {
 public:
  Ref() = default;
  Ref(std::nullptr_t) {}
  explicit Ref(T* object) : object_(object) {
    if (object_) object_->retain();
  }
  // Of a new object.
  static Ref first(T* object) {
    object->retain_first();
    Ref result;
    result.object_ = object;
    return result;
  }
  // Null where the last reference is gone; the memory of the object must still be there.
  static Ref if_alive(T* object) {
    Ref result;
    if (object->retain_if_alive()) result.object_ = object;
    return result;
  }
  Ref(const Ref& other) : Ref(other.object_) {}
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  template <class U>
  requires std::is_convertible_v<U*, T*> Ref(const Ref<U>& other) : Ref(static_cast<T*>(other.get())) {}
  template <class U>
  requires std::is_convertible_v<U*, T*> Ref(Ref<U>&& other)
  noexcept : object_(other.detach()) {}
  ~Ref() { reset(); }

  Ref& operator=(const Ref& other) {
    Ref(other).swap(*this);
    return *this;
  }
  Ref& operator=(Ref&& other) noexcept {
    Ref(std::move(other)).swap(*this);
    return *this;
  }

  void reset() {
    T* object = std::exchange(object_, nullptr);
    if (object && object->release()) destroy_ref(object);
  }
  void swap(Ref& other) noexcept { std::swap(object_, other.object_); }

  // The object without letting go of it: the caller holds the reference now.
  T* detach() { return std::exchange(object_, nullptr); }

  T* get() const { return object_; }
  T* operator->() const { return object_; }
  T& operator*() const { return *object_; }
  explicit operator bool() const { return object_ != nullptr; }
  friend bool operator==(const Ref& a, const Ref& b) { return a.object_ == b.object_; }

 private:
  T* object_ = nullptr;
};

template <class T, class... Args>
Ref<T> make_ref(Args&&... args) {
  return Ref<T>::first(new T(std::forward<Args>(args)...));
}

}  // namespace mote
