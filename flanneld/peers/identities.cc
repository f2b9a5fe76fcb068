#include "flanneld/peers/identities.h"

#include <fmt/format.h>

#include <algorithm>

namespace flanneld {
namespace {

/// The first other node's lease under that id; nullptr if there is none.
template <class Id>
const LeaseKey* find_other(const std::multimap<Id, LeaseKey>& holders, const Id& id,
                           const Identities::IsSameNode& is_same_node) {
  const auto [begin, end] = holders.equal_range(id);
  for (auto one = begin; one != end; ++one)
    if (!is_same_node(one->second)) return &one->second;
  return nullptr;
}

template <class Id>
void erase(std::multimap<Id, LeaseKey>& holders, const Id& id, const LeaseKey& holder) {
  const auto [begin, end] = holders.equal_range(id);
  holders.erase(std::find_if(begin, end, [&](const auto& one) { return one.second == holder; }));
}

std::optional<base::IpAddress> address_of(const LeaseAttributes& attributes, base::Family family) {
  const auto address = family == base::Family::v4 ? attributes.public_ip : attributes.public_ipv6;
  return address && address->is_unspecified() ? std::nullopt : address;
}

bool agree(const std::string& a, const std::string& b) { return a.empty() || b.empty() || a == b; }

}  // namespace

bool is_same_publisher(const LeaseAttributes& a, const LeaseAttributes& b) {
  bool has_common_address = false;
  for (const base::Family family : base::kFamilies) {
    const auto one = address_of(a, family), other = address_of(b, family);
    if (one && other && one != other) return false;
    has_common_address = has_common_address || (one && other);
  }
  return has_common_address && a.backend_type == b.backend_type && agree(a.backend_data, b.backend_data) &&
         agree(a.backend_v6_data, b.backend_v6_data);
}

Identities::Identity Identities::identity_of(const Lease& lease, const PeerPlan& plan) {
  Identity identity;
  identity.node = node_address(lease.attributes);
  for (const PlannedTunnelPeer& peer : plan.tunnel_peers)
    identity.keys.emplace_back(peer.link, peer.public_key);
  if (!identity.keys.empty()) return identity;
  for (const base::Family family : base::kFamilies) {
    const bool is_in_use = std::any_of(plan.routes.begin(), plan.routes.end(), [&](const auto& route) {
      return route.dst.address.family() == family;
    });
    if (const auto address = is_in_use ? address_of(lease.attributes, family) : std::nullopt)
      identity.addresses.push_back(*address);
  }
  for (const PlannedFdbEntry& entry : plan.fdb) identity.macs.emplace_back(entry.link, entry.mac.bytes);
  return identity;
}

std::optional<std::string> Identities::find_conflict(const Lease& lease, const PeerPlan& plan,
                                                     const IsSameNode& is_same_node) const {
  const Identity identity = identity_of(lease, plan);
  for (const base::IpAddress& address : identity.addresses)
    if (const LeaseKey* other = find_other(addresses_, address, is_same_node))
      return fmt::format("the public address {} is that of another lease, {}", address, other->str());
  for (const Mac& mac : identity.macs)
    if (const LeaseKey* other = find_other(macs_, mac, is_same_node))
      return fmt::format(
          "the VTEP MAC {} is {}; if one machine is a clone of the other, give it a machine-id of its own "
          "(rm "
          "/etc/machine-id, systemd-machine-id-setup) and start it anew",
          base::MacAddress{mac.second}, name_of(*other));
  for (const Key& key : identity.keys)
    if (const LeaseKey* other = find_other(keys_, key, is_same_node))
      return fmt::format(
          "its WireGuard key is {}; if one machine is a clone of the other, remove /var/lib/flannel/wgkey "
          "there "
          "and restart flanneld",
          name_of(*other));
  return std::nullopt;
}

std::string Identities::name_of(const LeaseKey& holder) const {
  return fmt::format("that of {}, whose lease is {}", holders_.at(holder).node, holder.str());
}

void Identities::add(const Lease& lease, const PeerPlan& plan) {
  Identity identity = identity_of(lease, plan);
  for (const base::IpAddress& address : identity.addresses) addresses_.emplace(address, lease.key);
  for (const Mac& mac : identity.macs) macs_.emplace(mac, lease.key);
  for (const Key& key : identity.keys) keys_.emplace(key, lease.key);
  holders_[lease.key] = std::move(identity);
}

void Identities::remove(const LeaseKey& holder) {
  const auto found = holders_.find(holder);
  if (found == holders_.end()) return;
  for (const base::IpAddress& address : found->second.addresses) erase(addresses_, address, holder);
  for (const Mac& mac : found->second.macs) erase(macs_, mac, holder);
  for (const Key& key : found->second.keys) erase(keys_, key, holder);
  holders_.erase(found);
}

void Identities::clear() {
  addresses_.clear();
  macs_.clear();
  keys_.clear();
  holders_.clear();
}

}  // namespace flanneld
