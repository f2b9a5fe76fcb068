#include "common/guard/record.h"

#include <algorithm>

#include "common/netlink/address.h"

namespace guard {

using base::IpAddress;
using base::MacAddress;
using netlink::Neighbour;
using netlink::PortEntry;

Record::Record(netlink::NetlinkSocket& host, const netlink::Link& bridge, const netlink::Link& gateway)
    : macs_{bridge.mac, gateway.mac} {
  for (const PortEntry& entry : netlink::port_entries_of(host, bridge.ifindex)) {
    if (entry.kind == PortEntry::Kind::fixed) fixed_.emplace(entry.port, entry.mac);
    if (entry.kind != PortEntry::Kind::learned) continue;
    auto& macs = learned_[entry.port];
    if (std::find(macs.begin(), macs.end(), entry.mac) == macs.end()) macs.push_back(entry.mac);
  }
  for (const base::Family family : base::kFamilies)
    for (const Neighbour& one : netlink::neighbours_of(host, gateway.ifindex, family))
      if (one.permanent) neighbours_.push_back(one);
  for (const netlink::Link* link : {&bridge, &gateway})
    for (const netlink::Address& address : netlink::addresses_of(host, *link))
      own_.insert(address.net.address);
}

std::optional<MacAddress> Record::fixed_mac_of(int port) const {
  const auto found = fixed_.find(port);
  return found == fixed_.end() ? std::nullopt : std::optional(found->second);
}

std::vector<IpAddress> Record::addresses_of(const MacAddress& mac) const {
  std::vector<IpAddress> addresses;
  for (const Neighbour& one : neighbours_)
    if (one.mac == mac) addresses.push_back(one.address);
  return addresses;
}

bool Record::is_of_another(const IpAddress& address, const MacAddress& mac) const {
  return std::any_of(neighbours_.begin(), neighbours_.end(),
                     [&](const Neighbour& one) { return one.address == address && one.mac != mac; });
}

size_t Record::learned_beside(int port, const MacAddress& mac) const {
  const auto found = learned_.find(port);
  if (found == learned_.end()) return 0;
  const auto& macs = found->second;
  return macs.size() - static_cast<size_t>(std::count(macs.begin(), macs.end(), mac));
}

bool Record::is_taken(const MacAddress& mac, int port) const {
  if (std::find(macs_.begin(), macs_.end(), mac) != macs_.end()) return true;
  return std::any_of(fixed_.begin(), fixed_.end(),
                     [&](const auto& entry) { return entry.second == mac && entry.first != port; });
}

}  // namespace guard
