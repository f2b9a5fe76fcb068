// What the agents of the simulator ask of the store, counted by kind and over time.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "flanneld/io/event_loop.h"

namespace scale {

enum class Ask : uint8_t { read, page, probe, put, remove, grant, keep_alive, watch, refused };
inline constexpr std::array<const char*, 9> kAskNames{"single read", "list page", "probe", "put",    "delete",
                                                      "grant",       "keepalive", "watch", "refused"};

class Meter {
 public:
  struct Counts {
    std::array<uint64_t, kAskNames.size()> asked{}, failed{};
    uint64_t races_lost = 0, events = 0, lists = 0, outages = 0;
    [[nodiscard]] uint64_t all_asked() const;
    [[nodiscard]] uint64_t all_failed() const;
  };

  void asked(Ask what) { asked(what, flanneld::EventLoop::Clock::now()); }
  /// The same for a request of that time.
  void asked(Ask what, flanneld::EventLoop::Clock::time_point at);
  /// Keeps the reason too, of the first few that differ.
  void failed(Ask what, const std::string& reason);
  [[nodiscard]] const std::map<std::string, uint64_t>& reasons() const { return reasons_; }
  void ended(Ask what) { ++counts_.failed.at(static_cast<size_t>(what)); }
  Counts& counts() { return counts_; }

  /// Begins to count anew, and the time with it.
  void restart();
  /// The most requests within 100 ms since restart().
  [[nodiscard]] uint64_t peak() const;
  /// The same for one kind of them.
  [[nodiscard]] uint64_t peak(Ask what) const;

 private:
  using Bucket = std::array<uint32_t, kAskNames.size()>;
  Counts counts_;
  flanneld::EventLoop::Clock::time_point began_ = flanneld::EventLoop::Clock::now();
  std::vector<Bucket> buckets_;
  std::map<std::string, uint64_t> reasons_;
};

}  // namespace scale
