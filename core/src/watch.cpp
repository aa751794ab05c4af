#include "mote/watch.h"

#include <algorithm>
#include <mutex>
#include <set>

namespace mote::detail {

namespace {

struct Watch {
  std::vector<TensorImpl*> alive;
  std::vector<size_t> starts;  // where each nested watch begins in `alive`
};

thread_local Watch watch;

// Strings that are never freed, behind a lock.
class StringPool {
 public:
  const char* add(std::string_view text) {
    const std::lock_guard lock(mutex_);
    return strings_.emplace(text).first->c_str();
  }
  bool contains(std::string_view text) {
    const std::lock_guard lock(mutex_);
    return strings_.find(text) != strings_.end();
  }

 private:
  std::mutex mutex_;
  std::set<std::string, std::less<>> strings_;
};

StringPool& labels() {
  static StringPool* pool = new StringPool;  // outlives tensors in static storage
  return *pool;
}

StringPool& module_classes() {
  static StringPool* pool = new StringPool;
  return *pool;
}

}  // namespace

const char* intern(std::string_view text) { return labels().add(text); }
void note_module_class(std::string_view name) { module_classes().add(name); }
bool is_module_class(std::string_view name) { return module_classes().contains(name); }

void begin_watch() { watch.starts.push_back(watch.alive.size()); }

std::vector<Ref<TensorImpl>> end_watch() {
  const size_t start = watch.starts.back();
  watch.starts.pop_back();
  std::vector<Ref<TensorImpl>> made;
  for (size_t i = start; i < watch.alive.size(); ++i)
    if (watch.alive[i]) made.emplace_back(watch.alive[i]);
  if (watch.starts.empty()) {
    for (TensorImpl* impl : watch.alive)
      if (impl) impl->watched = false;
    watch.alive.clear();
  }
  return made;
}

bool is_watching() { return !watch.starts.empty(); }

void note(TensorImpl& impl) {
  impl.watched = true;
  watch.alive.push_back(&impl);
}

void forget(TensorImpl& impl) {
  const auto found = std::find(watch.alive.rbegin(), watch.alive.rend(), &impl);
  if (found != watch.alive.rend()) *found = nullptr;
}

}  // namespace mote::detail
