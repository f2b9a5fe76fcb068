// All members on one event loop, and what happens to them: each scenario prints its figures, one a line.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "flanneld/io/event_loop.h"
#include "flanneld/lease/network_config.h"
#include "tests/scale/member.h"
#include "tests/scale/meter.h"
#include "tests/scale/store_server.h"
#include "tests/scale/store_side.h"

namespace scale {

struct FleetOptions {
  uint32_t members = 0;
  std::chrono::seconds away{10};  ///< how long the store is
  uint32_t batch = 1;             ///< nodes that reboot at once
  uint32_t batches = 10;
  std::chrono::seconds settle{20};  ///< what follows an outage within this time is a part of its cost
  std::chrono::seconds rest{10};    ///< how long nothing happens
  std::chrono::seconds limit{600};  ///< for one scenario
  std::string device;               ///< by which the store is reached; its received bytes count
};

class Fleet {
 public:
  Fleet(FleetOptions options, StoreServer& server, StoreSide& side, Meter& meter);

  // The scenarios, in the order in which they are run. Each throws std::runtime_error when its end is not
  // reached.
  void join();
  void rest();
  void reboot() { roll("rolling reboot", Machine::same); }
  /// As a reboot, where other machines come up. Nothing where the store cannot tell.
  void replace() {
    if (side_.knows_machines()) roll("rolling replacement", Machine::another);
  }
  enum class History { kept, lost };
  void outage(History history);

 private:
  enum class Machine { same, another };
  void roll(const std::string& scenario, Machine machine);
  using Clock = flanneld::EventLoop::Clock;
  /// Runs the members until `is_done`, asked 20 times a second. Returns the seconds that it took.
  double run_until(const std::string& what, const std::function<bool()>& is_done);
  void pass(std::chrono::seconds time);
  void begin(const std::string& scenario);
  /// Prints what was asked, received and spent since begin().
  void report_cost();
  void print(const std::string& what, const std::string& unit, double value) const;

  [[nodiscard]] bool all_have_leases() const;
  /// Every member knows the lease of every other one, and the one that is written by hand.
  [[nodiscard]] bool all_know_all() const;
  [[nodiscard]] bool all_content() const;
  [[nodiscard]] bool all_notice_outage() const;
  [[nodiscard]] flanneld::Lease lease_by_hand() const;

  FleetOptions options_;
  StoreServer& server_;
  StoreSide& side_;
  Meter& meter_;
  flanneld::EventLoop loop_;
  flanneld::NetworkConfig config_;
  std::vector<std::unique_ptr<Member>> members_;
  View by_hand_;  ///< what is written by hand
  uint32_t hand_changes_ = 0;

  std::string scenario_;
  uint64_t cpu_ms_ = 0, received_ = 0;
  std::chrono::milliseconds late_{
      0};  ///< the loop at its worst: then times are the simulator's, not the store's
};

}  // namespace scale
