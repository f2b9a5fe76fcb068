#include "cni-ipam/survey/survey.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

namespace ipam {
namespace {

using State = Row::State;
using Where = std::map<base::IpAddress, std::vector<std::string>>;

/// Between an address's lease and the moment when its pod has it, and back.
constexpr std::chrono::seconds kYoung(60);

State state_of(const HeldLease& lease, size_t pods, bool sees_pods, std::chrono::sys_seconds now) {
  if (lease.state != LeaseFile::State::read) return State::unreadable;
  if (lease.container.empty()) return State::torn;
  if (pods > 1) return State::twice;
  if (pods == 1) return State::held;
  if (!sees_pods) return State::unknown;
  return now - lease.since < kYoung ? State::young : State::leaked;
}

/// Addresses that pods have in a network out of which the store has given others.
void add_unleased(const std::string& store, const std::vector<HeldLease>& leases, const Living& living,
                  const Where& where, std::vector<Row>& rows) {
  std::set<base::IpAddress> leased;
  for (const HeldLease& lease : leases)
    if (lease.store == store) leased.insert(lease.address);
  std::set<base::IpNet> networks;
  for (const LivingAddress& one : living.addresses)
    if (leased.contains(one.address.address)) networks.insert(one.address.network());
  std::set<base::IpAddress> told;
  for (const LivingAddress& one : living.addresses) {
    const base::IpAddress& address = one.address.address;
    if (one.address.prefix == address.bits() || !networks.contains(one.address.network())) continue;
    if (leased.contains(address) || !told.insert(address).second) continue;
    rows.push_back({.state = State::unleased,
                    .store = store,
                    .address = address,
                    .container = {},
                    .interface = {},
                    .since = std::nullopt,
                    .netns = where.at(address)});
  }
}

}  // namespace

std::vector<Row> compare(const std::vector<HeldLease>& leases, const Living& living,
                         std::chrono::sys_seconds now) {
  Where where;
  for (const LivingAddress& one : living.addresses) {
    std::vector<std::string>& places = where[one.address.address];
    if (std::find(places.begin(), places.end(), one.netns) == places.end()) places.push_back(one.netns);
  }
  std::vector<Row> rows;
  std::set<std::string> stores;
  for (const HeldLease& lease : leases) {
    const auto found = where.find(lease.address);
    std::vector<std::string> places = found == where.end() ? std::vector<std::string>() : found->second;
    const State state = state_of(lease, places.size(), living.sees_pods, now);
    stores.insert(lease.store);
    rows.push_back(
        {.state = state,
         .store = lease.store,
         .address = lease.address,
         .container = lease.container,
         .interface = lease.interface,
         .since = lease.state == LeaseFile::State::read ? std::optional(lease.since) : std::nullopt,
         .netns = std::move(places)});
  }
  for (const std::string& store : stores) add_unleased(store, leases, living, where, rows);
  std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
    return a.store == b.store ? a.address < b.address : a.store < b.store;
  });
  return rows;
}

const char* name_of(State state) {
  switch (state) {
    case State::held:
      return "held";
    case State::young:
      return "young";
    case State::unknown:
      return "unknown";
    case State::leaked:
      return "leaked";
    case State::twice:
      return "twice";
    case State::torn:
      return "torn";
    case State::unreadable:
      return "unreadable";
    case State::unleased:
      return "unleased";
  }
  return "";
}

bool is_well(State state) { return state == State::held || state == State::young || state == State::unknown; }

std::string advice_for(const Row& row) {
  switch (row.state) {
    case State::leaked:
      return fmt::format(
          "no pod has it: its DEL never came; the runtime's next GC releases it, or remove '{}/{}' once the "
          "runtime no longer knows the container",
          row.store, row.address);
    case State::twice:
      return fmt::format("more than one pod has it: {}; delete all of these pods but the lease's",
                         fmt::join(row.netns, ", "));
    case State::torn:
      return "the lease names no holder: a crash tore it; the next ADD that needs the address takes it over";
    case State::unreadable:
      return fmt::format("the lease cannot be read: repair or remove '{}/{}'", row.store, row.address);
    case State::unleased:
      return fmt::format("{} has it without a lease, so that it may be given to another pod: delete that pod",
                         fmt::join(row.netns, ", "));
    case State::held:
    case State::young:
    case State::unknown:
      return "";
  }
  return "";
}

}  // namespace ipam
