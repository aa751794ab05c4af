#include "peer.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "checksum.h"
#include "quiet.h"

namespace bench {

using nlohmann::json;

namespace {

// Of a float32 checksum: both draw equal inputs, up to a last bit in a normal deviate, and add up in another order.
constexpr double kChecksumTolerance = 1e-3;

// ProcessEnded where the answer has no such value: whoever answers so does not speak the protocol.
template <class T>
T value_of(const json& answer, const char* key) try {
  return answer.at(key).get<T>();
} catch (const json::exception&) {
  throw ProcessEnded(fmt::format("answers {} where a \"{}\" was expected", answer.dump(), key));
}

class PeerContender : public Contender {
 public:
  PeerContender(std::string name, Peer& peer, size_t slot) : Contender(std::move(name)), peer_(peer), slot_(slot) {}

  double seconds(int64_t repetitions, int64_t warm_up, bool cold) override {
    return value_of<double>(peer_.ask({{"ask", "time"},
                                       {"row", slot_},
                                       {"repetitions", repetitions},
                                       {"warm_up", warm_up},
                                       {"cold", cold},
                                       {"flush_bytes", flush_bytes()}}),
                            "seconds");
  }
  bool settle() override { return wait_until_quiet(peer_.pid()); }
  std::optional<Memory> memory() override {
    try {
      const json answer = peer_.ask({{"ask", "memory"}, {"row", slot_}});
      return Memory{value_of<int64_t>(answer, "peak_bytes"), value_of<int64_t>(answer, "allocations")};
    } catch (const ProcessEnded&) {
      throw;
    } catch (const ProcessError&) {
      return std::nullopt;  // it cannot tell
    }
  }

 private:
  Peer& peer_;
  size_t slot_;
};

}  // namespace

Peer::Peer(std::vector<std::string> command, int threads, const mote::Device& device)
    : command_(std::move(command)), threads_(threads), device_(device.str()) {
  start();
}

void Peer::start() {
  process_ = std::make_unique<Process>(command_);
  const json answer = ask({{"ask", "hello"}, {"threads", threads_}, {"device", device_}});
  const auto library = value_of<std::string>(answer, "name");
  version_ = value_of<std::string>(answer, "version");
  name_ = fmt::format("{} {}", library, version_);
  is_python_ = library == "PyTorch";
  build_ = value_of<std::string>(answer, "build");
}

json Peer::ask(const json& request) {
  if (!process_) throw ProcessEnded("has ended");
  try {
    json answer = json::parse(process_->ask(request.dump()));
    if (answer.contains("error")) throw ProcessError(value_of<std::string>(answer, "error"));
    return answer;
  } catch (const json::exception&) {
    process_.reset();
    throw ProcessEnded("answers what is no JSON");
  } catch (const ProcessEnded&) {
    process_.reset();
    throw;
  }
}

void Peer::release() {
  try {
    if (process_) ask({{"ask", "release"}});
  } catch (const ProcessError&) {
    process_.reset();  // what it holds goes with it
  }
  if (process_ || given_up_) return;
  try {
    start();
  } catch (const ProcessError&) {
    process_.reset();
    given_up_ = true;
  }
}

PreparedPeer prepare_peer(Peer& peer, const Row& row, const TorchForm& form, const std::vector<double>& checksum) {
  const std::string name = form.form.empty() ? peer.name() : fmt::format("{} {}", peer.name(), form.form);
  try {
    const json answer = peer.ask({{"ask", "prepare"},
                                  {"name", row.libtorch},
                                  {"inputs", form.inputs},
                                  {"leaves", form.leaves},
                                  {"setup", form.setup},
                                  {"run", form.run},
                                  {"release", form.release},
                                  {"grad", form.grad},
                                  {"dtype", name_of(row.dtype)},
                                  {"seed", kSeed}});
    if (!checksum.empty()) {
      const double tolerance = std::max(kChecksumTolerance, 10 * row.tolerance);
      const std::string what = difference(value_of<std::vector<double>>(answer, "checksum"), checksum, tolerance);
      if (!what.empty()) return {nullptr, fmt::format("{}: computes something else: {}", name, what)};
    }
    return {std::make_unique<PeerContender>(name, peer, value_of<size_t>(answer, "row")), {}};
  } catch (const ProcessError& error) {
    return {nullptr, fmt::format("{}: {}", name, error.what())};
  }
}

}  // namespace bench
