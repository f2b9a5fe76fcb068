// What the leases say beside what the kernel says. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "cni-ipam/survey/leases.h"
#include "cni-ipam/survey/living.h"

namespace ipam {

/// One address, and what is to be said of it.
struct Row {
  enum class State {
    held,        ///< leased, and a pod has it
    young,       ///< leased so lately that its pod may not have it yet
    unknown,     ///< leased; pods are out of sight
    leaked,      ///< leased, and no pod has it
    twice,       ///< more than one pod has it
    torn,        ///< a lease without a holder
    unreadable,  ///< a lease that cannot be read, or no file
    unleased     ///< a pod has it, in a network of the store, and nobody leased it
  };
  State state = State::held;
  std::string store;
  base::IpAddress address;
  std::string container, interface;               ///< that hold the lease; empty: not known
  std::optional<std::chrono::sys_seconds> since;  ///< nullopt: there is no lease, or none that can be read
  std::vector<std::string> netns;                 ///< where pods have it
};

/// By store and address.
std::vector<Row> compare(const std::vector<HeldLease>& leases, const Living& living,
                         std::chrono::sys_seconds now);

/// "held", "leaked", …
const char* name_of(Row::State state);

/// Nothing is to be done about it.
bool is_well(Row::State state);

/// What is wrong with the address, and what to do about it, for a state that is not well.
std::string advice_for(const Row& row);

}  // namespace ipam
