// How far the start of the agent has come, and what it waits for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace flanneld {

/// The steps of the start, in their order. The agent is in the step whose result it still waits for.
enum class Phase : uint8_t {
  config,     ///< the network configuration
  interface,  ///< the external interface, and the backend's devices on it
  lease,      ///< the node's own lease
  data_path,  ///< routes, packet filter and subnet.env for that lease
  done,       ///< pods can be made
};

class Readiness {
 public:
  /// The agent waits in `phase`, for `reason`. After the last phase it stays there, and the reason is
  /// something that goes on beside the work. Tells systemd.
  void wait(Phase phase, std::string reason);
  /// The last phase is reached, and nothing is waited for.
  void finish();
  /// All begins again, with another network configuration.
  void restart();

  [[nodiscard]] Phase phase() const { return phase_; }
  [[nodiscard]] bool is_done() const { return phase_ == Phase::done; }
  /// nullopt: the agent waits for nothing.
  [[nodiscard]] const std::optional<std::string>& reason() const { return reason_; }

  /// Tells systemd, once, that the node is ready. True if it was this call; false also when systemd takes
  /// nothing now.
  bool announce(const std::string& subnet);
  [[nodiscard]] bool is_announced() const { return is_announced_; }

 private:
  Phase phase_ = Phase::config;
  std::optional<std::string> reason_ = "the network configuration";
  bool is_announced_ = false;
};

}  // namespace flanneld
