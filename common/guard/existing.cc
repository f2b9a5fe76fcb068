#include "common/guard/existing.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <set>

#include "common/guard/record.h"
#include "common/guard/survey.h"
#include "common/netlink/address.h"
#include "common/netlink/bridge.h"
#include "common/netlink/neighbour.h"
#include "common/netlink/steps.h"

namespace guard {
namespace {

using base::IpAddress;
using base::MacAddress;
using netlink::Link;
using netlink::NetlinkSocket;
using netlink::PortEntry;

/// A port that is to be guarded.
struct Wanted {
  std::string name;
  Port port;
  MacAddress mac;
  bool is_new = false;    ///< not made by an ADD of ours on this bridge: its entries have to be made too
  bool has_more = false;  ///< the rules let it send more than this
};

/// What the record says of a port that has a fixed entry. nullopt: it is one whose addresses are not all on
/// record, because its configuration allows it more.
std::optional<Wanted> from_record(const Record& record, const Link& port, const MacAddress& mac) {
  if (!port.refuses_bpdu) return std::nullopt;
  Wanted wanted{.name = port.name,
                .port = {.ifindex = port.ifindex, .sources = record.addresses_of(mac)},
                .mac = mac,
                .is_new = false};
  const bool has_v6 = std::any_of(wanted.port.sources.begin(), wanted.port.sources.end(),
                                  [](const IpAddress& address) { return !address.is_v4(); });
  if (has_v6) wanted.port.sources.push_back(link_local_of(mac));
  return wanted;
}

bool has_address(const Port& port) {
  return std::any_of(port.sources.begin(), port.sources.end(),
                     [](const IpAddress& ip) { return !ip.is_link_local(); });
}

/// What the pod itself has. Adds to `open` why it is left open.
std::optional<Wanted> from_pod(NetlinkSocket& host, const Record& record, const Node& node, const Link& port,
                               std::vector<LeftOpen>& open) {
  const auto inside = netlink::find_link_in(host, *port.peer_netns, port.peer);
  if (!inside || !inside->is_up()) return std::nullopt;
  Wanted wanted{.name = port.name,
                .port = {.ifindex = port.ifindex, .sources = {}},
                .mac = inside->mac,
                .is_new = true};
  for (const netlink::Address& address : netlink::addresses_in(host, *port.peer_netns, port.peer)) {
    const IpAddress& ip = address.net.address;
    const bool is_of_pods =
        ip.is_link_local() || std::any_of(node.subnets.begin(), node.subnets.end(),
                                          [&](const base::IpNet& subnet) { return subnet.contains(ip); });
    if (is_of_pods && !record.is_of_host(ip)) wanted.port.sources.push_back(ip);
  }
  if (!has_address(wanted.port)) return std::nullopt;  // nobody has given it one yet
  const size_t others = record.learned_beside(port.ifindex, inside->mac);
  if (others > 0)
    open.push_back({port.name, fmt::format("its pod uses {} more hardware addresses than its own", others)});
  else if (inside->forwards_ipv4 || (inside->ipv6 && inside->ipv6->forwarding))
    open.push_back({port.name, "its pod forwards packets of others"});
  else if (record.is_taken(inside->mac, port.ifindex))
    open.push_back({port.name, fmt::format("its pod uses {}, which is not its own", inside->mac)});
  else
    return wanted;
  return std::nullopt;
}

/// Leaves those open that have the same MAC, and takes from each the addresses that another has too. One that
/// is left without any stays open.
void settle_claims(const Record& record, std::vector<Wanted>& all, std::vector<LeftOpen>& open) {
  const std::vector<Wanted> everybody = all;
  std::erase_if(all, [&](const Wanted& one) {
    const bool is_twin =
        one.is_new && std::any_of(everybody.begin(), everybody.end(), [&](const Wanted& other) {
          return other.port.ifindex != one.port.ifindex && other.mac == one.mac;
        });
    if (is_twin) open.push_back({one.name, fmt::format("another pod has its MAC {} too", one.mac)});
    return is_twin;
  });
  std::map<IpAddress, size_t> claims;
  for (const Wanted& one : all)
    for (const IpAddress& address : one.port.sources) ++claims[address];
  for (Wanted& one : all) {
    if (!one.is_new) continue;
    std::erase_if(one.port.sources, [&](const IpAddress& address) {
      const bool is_alone = claims[address] == 1 && !record.is_of_another(address, one.mac);
      if (!is_alone) open.push_back({one.name, fmt::format("another pod has its address {} too", address)});
      return !is_alone;
    });
  }
  std::erase_if(all, [](const Wanted& one) { return one.is_new && !has_address(one.port); });
}

/// The rules outlast a bridge. By its configuration a pod may send from more addresses than its own, or from
/// any: then it is on record but not guarded.
void keep_what_it_may(const Elements& present, Wanted& wanted) {
  wanted.port.checks_sources = present.guarded.contains(wanted.port.ifindex);
  const auto known = present.sources.find(wanted.port.ifindex);
  const std::vector<IpAddress>& own = wanted.port.sources;
  wanted.has_more = !wanted.port.checks_sources ||
                    (known != present.sources.end() &&
                     std::any_of(known->second.begin(), known->second.end(), [&](const IpAddress& address) {
                       return std::find(own.begin(), own.end(), address) == own.end();
                     }));
}

void add_entries(netlink::Steps& steps, const Node& node, const Wanted& wanted) {
  // The entry first: a locked port without one lets nothing through.
  steps.add(netlink::put_port_entry_request(wanted.port.ifindex, wanted.mac),
            fmt::format("fix {} to bridge port {}", wanted.mac, wanted.name));
  steps.add(netlink::port_macs_request(wanted.port.ifindex, netlink::PortMacs::fixed, !wanted.has_more),
            fmt::format("lock bridge port {} to its MAC", wanted.name));
  for (const IpAddress& address : wanted.port.sources)
    if (!address.is_link_local())
      steps.add(netlink::put_neighbour_request({node.gateway.ifindex, address, wanted.mac}),
                fmt::format("fix the node's neighbour entry of {}", address));
}

/// Whether the rules have all that the record says of the port.
bool has_all(const Elements& present, const Wanted& wanted) {
  const auto known = present.sources.find(wanted.port.ifindex);
  if (known == present.sources.end() || !present.guarded.contains(wanted.port.ifindex)) return false;
  return std::all_of(wanted.port.sources.begin(), wanted.port.sources.end(), [&](const IpAddress& address) {
    return std::find(known->second.begin(), known->second.end(), address) != known->second.end();
  });
}

/// What is to be done, and what cannot be.
struct Plan {
  std::vector<Wanted> all;
  std::vector<LeftOpen> open;
};

Plan plan(NetlinkSocket& host, const Node& node, const Elements& present, bool has_rules) {
  const Record record(host, node.bridge, node.gateway);
  Plan plan;
  for (const Link& port : pod_ports(host, node.bridge.ifindex)) {
    const auto mac = record.fixed_mac_of(port.ifindex);
    const bool is_known = present.guarded.contains(port.ifindex) || present.sources.contains(port.ifindex);
    if (mac && !has_rules) continue;
    if (present.nested.contains(port.ifindex)) continue;  // by its configuration it takes any MAC
    auto wanted = mac ? from_record(record, port, *mac) : from_pod(host, record, node, port, plan.open);
    if (!wanted || (mac && has_all(present, *wanted))) continue;
    if (is_known && wanted->is_new) keep_what_it_may(present, *wanted);
    plan.all.push_back(std::move(*wanted));
  }
  settle_claims(record, plan.all, plan.open);
  return plan;
}

std::vector<LeftOpen> guard_ports_of(NetlinkSocket& host, NetlinkSocket* nft, const Node& node,
                                     const std::string& only) {
  const bool has_rules = nft && ensure_frame(*nft);
  auto [all, open] =
      plan(host, node, has_rules ? elements(*nft).value_or(Elements()) : Elements(), has_rules);
  if (!only.empty()) {
    std::erase_if(all, [&](const Wanted& one) { return one.name != only; });
    std::erase_if(open, [&](const LeftOpen& one) { return one.port != only; });
  }
  netlink::Steps steps;
  std::vector<Port> ports;
  for (Wanted& wanted : all) {
    if (wanted.is_new) add_entries(steps, node, wanted);
    ports.push_back(std::move(wanted.port));
  }
  if (has_rules) guard_ports(*nft, ports);
  steps.run(host, ENODEV);  // a port that went meanwhile
  return open;
}

}  // namespace

std::vector<LeftOpen> guard_existing(NetlinkSocket& host, NetlinkSocket* nft, const Node& node) {
  return guard_ports_of(host, nft, node, {});
}

std::vector<LeftOpen> guard_existing_port(NetlinkSocket& host, NetlinkSocket* nft, const Node& node,
                                          const std::string& port) {
  return guard_ports_of(host, nft, node, port);
}

std::vector<LeftOpen> find_open(NetlinkSocket& host, NetlinkSocket& nft, const Node& node) {
  const Elements present = elements(nft).value_or(Elements());
  std::vector<LeftOpen> open = plan(host, node, present, true).open;
  std::set<std::string> named;
  for (const LeftOpen& one : open) named.insert(one.port);
  for (const Link& port : pod_ports(host, node.bridge.ifindex)) {
    if (present.guarded.contains(port.ifindex) || named.contains(port.name)) continue;
    if (present.sources.contains(port.ifindex))
      open.push_back({port.name, "its configuration lets it send from any address"});
    else
      open.push_back({port.name, "nobody has guarded it yet; flanneld does when it starts"});
  }
  return open;
}

std::vector<std::string> missing(const std::vector<Link>& ports, bool has_rules) {
  std::vector<std::string> lacks;
  if (!has_rules)
    lacks.emplace_back(
        "the kernel has no nf_tables for bridges (CONFIG_NF_TABLES_BRIDGE): a pod can send under the "
        "addresses "
        "of others");
  // A port that learns nothing was set up by an ADD or by guard_existing(), and would be locked.
  if (std::any_of(ports.begin(), ports.end(), [](const Link& port) { return !port.learns && !port.locked; }))
    lacks.emplace_back(
        "the kernel cannot lock a bridge's port (it can from 5.18 on): a pod can send frames with the MAC of "
        "another; the bridge does not learn from them");
  return lacks;
}

}  // namespace guard
