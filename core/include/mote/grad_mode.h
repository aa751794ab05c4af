// Per-thread switches of autograd: recording on or off, inference mode, anomaly detection.
#pragma once

namespace mote {

namespace detail {
inline thread_local constinit bool grad_enabled = true;
inline thread_local constinit bool anomaly_enabled = false;
}  // namespace detail

// Whether operations on this thread are recorded for backward.
inline bool is_grad_enabled() { return detail::grad_enabled; }

// Sets recording for the lifetime of the guard; guards nest.
class GradModeGuard {
 public:
  explicit GradModeGuard(bool enabled) : previous_(detail::grad_enabled) { detail::grad_enabled = enabled; }
  ~GradModeGuard() { detail::grad_enabled = previous_; }
  GradModeGuard(const GradModeGuard&) = delete;
  GradModeGuard& operator=(const GradModeGuard&) = delete;

 private:
  bool previous_;
};

// Nothing is recorded while this guard lives: for evaluation, and for changing parameters in place.
class NoGradGuard : public GradModeGuard {
 public:
  NoGradGuard() : GradModeGuard(false) {}
};

// Records again inside a NoGradGuard.
class EnableGradGuard : public GradModeGuard {
 public:
  EnableGradGuard() : GradModeGuard(true) {}
};

// While it lives, backward checks every gradient and throws a StateError that names the forward operation whose
// gradient first holds a NaN. Slow: for debugging.
class AnomalyGuard {
 public:
  explicit AnomalyGuard(bool enabled = true) : previous_(detail::anomaly_enabled) { detail::anomaly_enabled = enabled; }
  ~AnomalyGuard() { detail::anomaly_enabled = previous_; }
  AnomalyGuard(const AnomalyGuard&) = delete;
  AnomalyGuard& operator=(const AnomalyGuard&) = delete;

 private:
  bool previous_;
};

}  // namespace mote
