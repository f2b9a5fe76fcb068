#include "flanneld/store/kube/node_table.h"

#include <fmt/format.h>

#include <utility>

#include "common/base/error.h"
#include "common/base/text.h"
#include "flanneld/lease/go_json.h"

namespace flanneld {
namespace {

/// What the Node publishes for each family that it has a subnet of. Throws base::ParseError if that leaves
/// nothing to reach it by.
Lease read_lease(const KubeNode& node, const LeaseKey& subnets) {
  Lease lease;
  std::string fault = "it has no podCIDR";
  for (const base::Family family : base::kFamilies) {
    const auto& subnet = subnets.of(family);
    if (!subnet) continue;
    try {
      read_family(node.annotations, family, lease.attributes);
    } catch (const base::ParseError& error) {
      fault = error.what();
      continue;
    }
    (family == base::Family::v4 ? lease.key.subnet : lease.key.ipv6_subnet) = subnet;
  }
  if (!lease.key.subnet && !lease.key.ipv6_subnet) throw base::ParseError(fault);
  return lease;
}

}  // namespace

LeaseKey pod_subnets(const std::vector<std::string>& pod_cidrs, Several several) {
  if (pod_cidrs.size() > 2) throw base::ParseError("it has more than two podCIDRs");
  LeaseKey key;
  for (const std::string& text : pod_cidrs) {
    const auto net = base::IpNet::parse(text);
    if (!net) throw base::ParseError(fmt::format("its podCIDR {} is no network", in_quotes(text)));
    auto& place = net->address.is_v4() ? key.subnet : key.ipv6_subnet;
    if (!place || several == Several::last) place = net->network();
  }
  return key;
}

Lease restricted(const Lease& lease, const NetworkConfig& config) {
  Lease result = lease;
  if (!config.ipv4) {
    result.key.subnet.reset();
    result.attributes.public_ip = {};
    result.attributes.backend_data.clear();
  }
  if (!config.ipv6) {
    result.key.ipv6_subnet.reset();
    result.attributes.public_ipv6.reset();
    result.attributes.backend_v6_data.clear();
  }
  return result;
}

KubeNodeTable::Entry KubeNodeTable::make(const KubeNode& node, const Entry* before) {
  Entry entry;
  entry.uid = node.uid;
  entry.is_marked = node.is_marked();
  try {
    // The podCIDRs of a Node, once assigned, never change; one that is made anew has another UID.
    if (!node.pod_cidrs.empty()) {
      entry.subnets = pod_subnets(node.pod_cidrs, Several::first);
      entry.has_subnets = true;
    } else if (!node.is_whole && before && before->uid == node.uid) {
      entry.subnets = before->subnets;
      entry.has_subnets = before->has_subnets;
    }
    if (entry.is_marked && entry.has_subnets) entry.lease = read_lease(node, entry.subnets);
  } catch (const base::ParseError& error) {
    entry.has_subnets = true;  // the whole Node would say no more
    entry.fault = error.what();
    if (!before || before->fault != entry.fault) skipped_({fmt::format("Node {}", node.name), entry.fault});
  }
  return entry;
}

void KubeNodeTable::put_listed(const KubeNode& node) {
  if (node.name == own_) return;
  const auto before = entries_.find(node.name);
  listing_->insert_or_assign(node.name, make(node, before == entries_.end() ? nullptr : &before->second));
}

void KubeNodeTable::end_list() { entries_ = *std::exchange(listing_, std::nullopt); }

std::vector<LeaseEvent> KubeNodeTable::put(const KubeNode& node) {
  std::vector<LeaseEvent> events;
  if (node.name == own_) return events;
  Entry& entry = entries_[node.name];
  const Entry before = std::exchange(entry, make(node, &entry));
  change(events, before.lease, entry.lease);
  return events;
}

std::vector<LeaseEvent> KubeNodeTable::remove(const std::string& name) {
  std::vector<LeaseEvent> events;
  const auto found = entries_.find(name);
  if (found == entries_.end()) return events;
  const Entry before = std::move(found->second);
  entries_.erase(found);
  change(events, before.lease, std::nullopt);
  return events;
}

void KubeNodeTable::change(std::vector<LeaseEvent>& events, const std::optional<Lease>& before,
                           const std::optional<Lease>& now) const {
  if (before == now) return;
  if (before && (!now || now->key != before->key)) {
    events.push_back({LeaseEvent::Kind::removed, *before});
    // A subnet of a Node that is gone may be another's already.
    for (const auto& [name, entry] : entries_)
      if (entry.lease && entry.lease->key == before->key)
        events.back() = {LeaseEvent::Kind::put, *entry.lease};
  }
  if (now) events.push_back({LeaseEvent::Kind::put, *now});
}

bool KubeNodeTable::needs_whole(const std::string& name) const {
  const auto found = entries_.find(name);
  return found != entries_.end() && found->second.is_marked && !found->second.has_subnets;
}

std::vector<Lease> KubeNodeTable::leases() const {
  std::vector<Lease> leases;
  for (const auto& [name, entry] : entries_)
    if (entry.lease) leases.push_back(*entry.lease);
  return leases;
}

PassedOver KubeNodeTable::skipped() const {
  PassedOver skipped;
  for (const auto& [name, entry] : entries_) {
    if (entry.fault.empty()) continue;
    if (skipped.named.size() < SkippedEntries::kMostNamed)
      skipped.named.push_back(fmt::format("Node {}: {}", base::quoted(name), entry.fault));
    else
      ++skipped.unnamed;
  }
  return skipped;
}

}  // namespace flanneld
