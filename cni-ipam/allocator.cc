#include "cni-ipam/allocator.h"

#include <optional>

#include "common/base/rollback.h"

namespace ipam {
namespace {

using base::IpAddress;
using cni::Error;
using cni::ErrorCode;

/// A second ADD must not get a second address, and must not touch the first one's.
void refuse_duplicate(const std::vector<RangeSet>& sets, const Owner& owner, AddressStore& store) {
  for (const std::string& mark : {owner.mark(), owner.legacy_mark()})
    for (const IpAddress& address : store.held_by(mark))
      if (find_range(sets, address))
        throw Error(ErrorCode::conflict,
                    address.str() + " has been allocated to " + owner.container_id +
                        ", duplicate allocation is not allowed",
                    describe_mark(owner.mark()) + " holds it since an earlier ADD; DEL releases it");
}

/// The request that each set serves; nullptr where it may choose. Nothing is taken yet.
std::vector<const Requested*> assign(const std::vector<RangeSet>& sets,
                                     const std::vector<Requested>& requested) {
  std::vector<const Requested*> served(sets.size(), nullptr);
  std::string left_over;
  const Requested* first_left_over = nullptr;
  for (const Requested& one : requested) {
    size_t set = 0;
    while (set < sets.size() && (served[set] || !find_range(sets[set], one.address))) ++set;
    if (set < sets.size()) {
      served[set] = &one;
      continue;
    }
    left_over += " " + one.address.str();
    if (!first_left_over) first_left_over = &one;
  }
  if (first_left_over) {
    std::string ranges;
    for (const RangeSet& set : sets) ranges += (ranges.empty() ? "" : "; ") + to_string(set);
    throw Error(first_left_over->blame, "failed to allocate all requested IPs:" + left_over,
                "each range set gives one address; the range sets are: " + ranges);
  }
  return served;
}

Allocation take_requested(const RangeSet& set, const Requested& requested, const Owner& owner,
                          AddressStore& store) {
  const IpAddress& address = requested.address;
  const Range* range = find_range(set, address);
  if (address == range->gateway)
    throw Error(requested.blame, "requested ip " + address.str() + " is subnet's gateway");
  if (!store.reserve(address, owner)) {
    const auto mark = store.mark_of(address);
    throw Error(ErrorCode::conflict,
                "requested IP address " + address.str() + " is not available in range set " + to_string(set),
                mark ? "it is held by " + describe_mark(*mark) : "another process took it");
  }
  return {{address, range->subnet.prefix}, range->gateway};
}

/// The first address of a turn that can be had; nullopt if all are taken, as far as is known.
std::optional<Allocation> take_in_turn(const RangeSet& set, size_t number, const Owner& owner,
                                       AddressStore& store) {
  for (const Interval& interval : full_turn(set, store.last_reserved(number))) {
    auto address = store.first_free(interval.first, interval.last);
    while (address) {
      if (store.reserve(*address, owner))
        return Allocation{{*address, interval.range->subnet.prefix}, interval.range->gateway};
      if (*address == interval.last) break;
      address = store.first_free(address->next(), interval.last);
    }
  }
  return std::nullopt;
}

Allocation take_next(const RangeSet& set, size_t number, const Owner& owner, AddressStore& store) {
  if (const auto taken = take_in_turn(set, number, owner, store)) return *taken;
  if (store.look_again())
    if (const auto taken = take_in_turn(set, number, owner, store)) return *taken;
  throw Error(ErrorCode::try_again_later, "no IP addresses available in range set: " + to_string(set),
              "the range set has " + figures(store.usage(set)) +
                  "; an address becomes free when its pod is deleted (DEL), when the runtime sends GC, or by "
                  "a reboot");
}

}  // namespace

std::vector<Allocation> allocate(const std::vector<RangeSet>& sets, const std::vector<Requested>& requested,
                                 const Owner& owner, AddressStore& store) {
  refuse_duplicate(sets, owner, store);
  const std::vector<const Requested*> served = assign(sets, requested);
  std::vector<Allocation> allocations;
  base::Rollback undo;
  for (size_t i = 0; i < sets.size(); ++i) {
    const Allocation got = cni::with_context("failed to allocate for range " + std::to_string(i), [&] {
      return served[i] ? take_requested(sets[i], *served[i], owner, store)
                       : take_next(sets[i], i, owner, store);
    });
    // By its name and not by its owner: what an earlier call holds is never given back here.
    undo.push([&store, &owner, address = got.address.address] { store.release(address, owner.mark()); });
    allocations.push_back(got);
  }
  for (size_t i = 0; i < sets.size(); ++i) store.set_last_reserved(i, allocations[i].address.address);
  undo.commit();
  return allocations;
}

std::string figures(const Usage& usage) {
  const std::string containers =
      std::to_string(usage.containers) + (usage.containers == 1 ? " container" : " containers");
  return std::to_string(usage.addresses) + (usage.addresses == 1 ? " address, " : " addresses, ") +
         std::to_string(usage.held) + " of them held by " + containers;
}

std::string describe_mark(const std::string& mark) {
  const size_t line_end = mark.find_first_of("\r\n");
  std::string text = "container '" + mark.substr(0, line_end).substr(0, 256) + "'";
  if (line_end != std::string::npos)
    text += ", interface '" + std::string(base::trimmed(mark.substr(line_end))).substr(0, 64) + "'";
  return text;
}

}  // namespace ipam
