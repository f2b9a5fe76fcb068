#include "cni-ipam/allocator.h"

#include <algorithm>
#include <optional>

#include "cni-ipam/store/lease_mark.h"
#include "common/base/rollback.h"

namespace ipam {
namespace {

using base::IpAddress;
using cni::Error;
using cni::ErrorCode;

/// A second ADD must not get a second address, and must not touch the first one's.
void refuse_duplicate(const std::vector<RangeSet>& sets, const cni::Attachment& attachment,
                      AddressStore& store) {
  const std::string own_mark = lease_mark(attachment);
  for (const std::string& mark : {own_mark, legacy_mark(attachment)})
    for (const IpAddress& address : store.held_by(mark))
      if (find_range(sets, address))
        throw Error(
            ErrorCode::conflict,
            fmt::format("{} has been allocated to {}, duplicate allocation is not allowed", address,
                        attachment.container_id),
            fmt::format("{} holds it since an earlier ADD; DEL releases it", describe_mark(own_mark)));
}

/// The request that each set serves; nullptr where it may choose. Nothing is taken yet.
std::vector<const Requested*> assign(const std::vector<RangeSet>& sets,
                                     const std::vector<Requested>& requested) {
  std::vector<const Requested*> served(sets.size(), nullptr);
  std::vector<const Requested*> left_over;
  for (const Requested& one : requested) {
    size_t set = 0;
    while (set < sets.size() && (served[set] || !find_range(sets[set], one.address))) ++set;
    if (set < sets.size())
      served[set] = &one;
    else
      left_over.push_back(&one);
  }
  if (left_over.empty()) return served;
  std::vector<IpAddress> addresses;
  addresses.reserve(left_over.size());
  for (const Requested* one : left_over) addresses.push_back(one->address);
  std::vector<std::string> ranges;
  ranges.reserve(sets.size());
  for (const RangeSet& set : sets) ranges.push_back(to_string(set));
  throw Error(
      left_over.front()->code,
      fmt::format("failed to allocate all requested IPs: {}", fmt::join(addresses, " ")),
      fmt::format("each range set gives one address; the range sets are: {}", fmt::join(ranges, "; ")));
}

Allocation take_requested(const RangeSet& set, const Requested& requested, const std::string& mark,
                          AddressStore& store) {
  const IpAddress& address = requested.address;
  const Range* range = find_range(set, address);
  if (address == range->gateway)
    throw Error(requested.code, fmt::format("requested ip {} is subnet's gateway", address));
  if (!store.reserve(address, mark)) {
    const auto holder = store.mark_of(address);
    throw Error(
        ErrorCode::conflict,
        fmt::format("requested IP address {} is not available in range set {}", address, to_string(set)),
        holder ? fmt::format("it is held by {}", describe_mark(*holder)) : "another process took it");
  }
  return {.address = {address, range->subnet.prefix}, .gateway = range->gateway};
}

/// The first address of a turn that can be had; nullopt if all are taken, as far as is known.
std::optional<Allocation> take_in_turn(const RangeSet& set, size_t number, const std::string& mark,
                                       AddressStore& store) {
  for (const Interval& interval : full_turn(set, store.last_reserved(number))) {
    auto address = store.first_free(interval.first, interval.last);
    while (address) {
      if (store.reserve(*address, mark))
        return Allocation{.address = {*address, interval.range->subnet.prefix},
                          .gateway = interval.range->gateway};
      if (*address == interval.last) break;
      address = store.first_free(address->next(), interval.last);
    }
  }
  return std::nullopt;
}

/// Some containers that hold addresses of a full set, for people; each once.
std::vector<std::string> some_holders(const RangeSet& set, AddressStore& store) {
  constexpr size_t kMostNamed = 5;
  constexpr int kMostRead = 64;  // a container may hold many
  std::vector<std::string> names;
  int read = 0;
  for (const Range& range : set)
    for (IpAddress address = range.first; range.contains(address) && read < kMostRead;
         address = address.next()) {
      const auto mark = address == range.gateway ? std::nullopt : store.mark_of(address);
      ++read;
      if (!mark || mark->empty()) continue;
      const std::string name(container_of(*mark));
      if (std::find(names.begin(), names.end(), name) != names.end()) continue;
      names.push_back(name.substr(0, 64));
      if (names.size() == kMostNamed) return names;
    }
  return names;
}

Allocation take_next(const RangeSet& set, size_t number, const std::string& mark, AddressStore& store) {
  if (const auto taken = take_in_turn(set, number, mark, store)) return *taken;
  if (store.look_again())
    if (const auto taken = take_in_turn(set, number, mark, store)) return *taken;
  throw Error(ErrorCode::try_again_later,
              fmt::format("no IP addresses available in range set: {}", to_string(set)),
              describe_exhaustion(store.usage(set), some_holders(set, store)));
}

}  // namespace

std::vector<Allocation> allocate(const std::vector<RangeSet>& sets, const std::vector<Requested>& requested,
                                 const cni::Attachment& attachment, AddressStore& store) {
  refuse_duplicate(sets, attachment, store);
  const std::vector<const Requested*> served = assign(sets, requested);
  const std::string mark = lease_mark(attachment);
  std::vector<Allocation> allocations;
  base::Rollback undo;
  for (size_t i = 0; i < sets.size(); ++i) {
    const Allocation got = cni::with_context(fmt::format("failed to allocate for range {}", i), [&] {
      return served[i] ? take_requested(sets[i], *served[i], mark, store)
                       : take_next(sets[i], i, mark, store);
    });
    // By address: what an earlier call took for this attachment is never given back here.
    undo.push([&store, &mark, address = got.address.address] { store.release(address, mark); });
    allocations.push_back(got);
  }
  for (size_t i = 0; i < sets.size(); ++i) store.set_last_reserved(i, allocations[i].address.address);
  undo.commit();
  return allocations;
}

std::string describe_exhaustion(const Usage& usage, const std::vector<std::string>& holders) {
  const std::string names =
      holders.empty() ? std::string() : fmt::format(" (among them {})", fmt::join(holders, ", "));
  return fmt::format(
      "the range set has {} address{}, {} of them held by {} container{}{}; an address becomes free when its "
      "pod is deleted (DEL), when the runtime sends GC, or by a reboot",
      usage.addresses, usage.addresses == 1 ? "" : "es", usage.held, usage.containers,
      usage.containers == 1 ? "" : "s", names);
}

}  // namespace ipam
