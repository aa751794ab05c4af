#include "mote/watch.h"

#include <mutex>
#include <set>
#include <unordered_map>
#include <utility>

namespace mote::detail {

namespace {

struct Watch {
  std::vector<TensorImpl*> alive;  // of this thread's tensors, in the order in which they were made
  std::vector<size_t> starts;      // where each nested watch begins in `alive`
};

thread_local Watch watch;

// A tensor may be destroyed on another thread than the one that made and watches it. So `alive` is only touched under
// this lock, and every watched tensor can be found from any thread.
struct Watched {
  struct Place {
    Watch* watch;
    size_t index;  // in `alive`
  };
  std::mutex mutex;
  std::unordered_map<const TensorImpl*, Place> places;
};

Watched& watched() {
  static Watched* all = new Watched;  // outlives tensors in static storage
  return *all;
}

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
  made.reserve(watch.alive.size() - start);
  const std::lock_guard lock(watched().mutex);
  for (size_t i = start; i < watch.alive.size(); ++i)
    if (watch.alive[i])
      if (Ref<TensorImpl> impl = Ref<TensorImpl>::if_alive(watch.alive[i])) made.push_back(std::move(impl));
  if (watch.starts.empty()) {
    for (const TensorImpl* impl : watch.alive)
      if (impl) watched().places.erase(impl);
    for (const Ref<TensorImpl>& impl : made) impl->set_watched(false);  // no other thread destroys what `made` holds
    watch.alive.clear();
  }
  return made;
}

bool is_watching() { return !watch.starts.empty(); }

void note(TensorImpl& impl) {
  const std::lock_guard lock(watched().mutex);
  watch.alive.push_back(nullptr);
  watched().places.emplace(&impl, Watched::Place{&watch, watch.alive.size() - 1});
  watch.alive.back() = &impl;
  impl.set_watched(true);
}

void forget(TensorImpl& impl) {
  const std::lock_guard lock(watched().mutex);
  const auto found = watched().places.find(&impl);
  if (found == watched().places.end()) return;
  found->second.watch->alive[found->second.index] = nullptr;
  watched().places.erase(found);
}

}  // namespace mote::detail
