// The store's server: a process of the simulator's own that it starts, kills and reads the cost of.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace scale {

class StoreServer {
 public:
  /// `command` must become the server without another process between, as nsenter and env do.
  explicit StoreServer(std::vector<std::string> command) : command_(std::move(command)) {}
  StoreServer(const StoreServer&) = delete;
  StoreServer& operator=(const StoreServer&) = delete;
  ~StoreServer() { kill(); }

  /// Throws SystemError.
  void start();
  /// Ends it at once, as a power loss would, and waits until it is gone.
  void kill();

  /// Processor time of all that have run, in milliseconds.
  [[nodiscard]] uint64_t cpu_ms() const;
  /// The most memory that any of them had resident, in kB.
  [[nodiscard]] uint64_t peak_kb() const;

 private:
  [[nodiscard]] std::string proc(const char* file) const;
  [[nodiscard]] uint64_t live_cpu_ms() const;
  [[nodiscard]] uint64_t live_peak_kb() const;

  std::vector<std::string> command_;
  pid_t pid_ = 0;
  uint64_t past_cpu_ms_ = 0, past_peak_kb_ = 0;
};

}  // namespace scale
