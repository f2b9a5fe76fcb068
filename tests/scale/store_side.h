// The store as the simulator's operator sees it: set up, changed by hand, and made to forget.
#pragma once

#include <cstdint>
#include <memory>

#include "flanneld/io/event_loop.h"
#include "flanneld/lease/lease.h"
#include "flanneld/store/lease_store.h"
#include "tests/scale/meter.h"

namespace scale {

/// The network that the fleet lives in: 16,384 subnets.
inline constexpr const char* kNetworkConfig =
    R"({"Network": "10.0.0.0/10", "SubnetLen": 24, "Backend": {"Type": "vxlan"}})";

class StoreSide {
 public:
  virtual ~StoreSide() = default;

  /// Waits until the server answers. Throws std::runtime_error after 60 s.
  virtual void await() = 0;
  /// Writes what all members need, to an empty store that answers.
  virtual void prepare(uint32_t members) = 0;
  /// A lease that somebody else writes, or writes over.
  virtual void put(const flanneld::Lease& lease) = 0;
  /// Whether it can tell that another machine has taken a member's place.
  [[nodiscard]] virtual bool knows_machines() const { return false; }
  /// That happens.
  virtual void replace(uint32_t) {}
  /// Drops the history of all changes so far.
  virtual void forget() = 0;
  /// Brings to the meter what is counted elsewhere. Called 20 times a second.
  virtual void collect() {}
  /// What a member's store client is.
  virtual std::unique_ptr<flanneld::LeaseStore> client(flanneld::EventLoop& loop, uint32_t number) = 0;
};

}  // namespace scale
