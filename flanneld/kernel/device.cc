#include "flanneld/kernel/device.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "common/netlink/address.h"
#include "common/netlink/ipip.h"
#include "common/netlink/offload.h"
#include "common/netlink/sysctl.h"
#include "common/netlink/tun.h"
#include "common/netlink/vxlan.h"
#include "flanneld/backend/registry.h"
#include "flanneld/kernel/advice.h"
#include "flanneld/kernel/wireguard_device.h"

namespace flanneld {
namespace {

/// Runs one step. A failure is noted, and the next step is tried nevertheless. False if it failed.
template <class Step>
bool attempt(const Device& device, DeviceResult& result, Step&& step) {
  try {
    step();
    return true;
  } catch (const base::SystemError& error) {
    result.failures.push_back(fmt::format("{}{}", error.what(), advice_on(device, error.error_number())));
    return false;
  }
}

// For each kind of device: make(), and how its link differs from the plan.

netlink::VxlanSpec vxlan_spec(const Device& device, const VxlanDevice& vxlan) {
  netlink::VxlanSpec spec;
  spec.name = device.name;
  spec.mtu = device.mtu;
  spec.mac = device.mac.value_or(base::MacAddress{});
  spec.lower = device.lower;
  spec.vni = vxlan.vni;
  spec.port = vxlan.port;
  spec.local = vxlan.local;
  spec.learning = vxlan.learning;
  spec.gbp = vxlan.gbp;
  return spec;
}

/// What all kinds tell of having been made.
template <class Ensured>
void take_ensured(Ensured ensured, const Device& device, DeviceResult& result) {
  result.link = std::move(ensured.link);
  result.writes += ensured.writes;
  if (ensured.replaced)
    result.notes.push_back(fmt::format("made link '{}' anew: {}", device.name, *ensured.replaced));
}

void make(netlink::NetlinkSocket& socket, const Device& device, const VxlanDevice& vxlan,
          DeviceResult& result) {
  netlink::EnsuredVxlan ensured = netlink::ensure_vxlan(socket, vxlan_spec(device, vxlan));
  if (ensured.mtu_failure) result.failures.push_back(std::move(*ensured.mtu_failure));
  take_ensured(std::move(ensured), device, result);
}

std::optional<std::string> find_drift(netlink::NetlinkSocket& socket, const Device& device,
                                      const VxlanDevice& vxlan) {
  const auto state = netlink::find_vxlan(socket, device.name);
  return state ? netlink::incompatibility(*state, vxlan_spec(device, vxlan)) : std::nullopt;
}

void make(netlink::NetlinkSocket& socket, const Device& device, const TunDevice& /*tun*/,
          DeviceResult& result) {
  take_ensured(netlink::ensure_tun(socket, device.name, device.mtu), device, result);
}

std::optional<std::string> find_drift(netlink::NetlinkSocket& socket, const Device& device,
                                      const TunDevice& /*tun*/) {
  const auto link = netlink::find_link(socket, device.name);
  return link ? netlink::tun_incompatibility(socket, *link) : std::nullopt;
}

netlink::IpipSpec ipip_spec(const Device& device, const IpipDevice& ipip) {
  return {.name = device.name, .local = ipip.local, .mtu = device.mtu};
}

std::optional<std::string> find_drift(netlink::NetlinkSocket& socket, const Device& device,
                                      const IpipDevice& ipip) {
  const auto state = netlink::find_ipip(socket, device.name);
  return state ? netlink::incompatibility(*state, ipip_spec(device, ipip)) : std::nullopt;
}

void ensure_checksum_off(const std::string& name, DeviceResult& result) {
  if (!netlink::tx_checksum_offload(name)) return;
  netlink::set_tx_checksum_offload(name, false);
  ++result.writes;
}

/// Within the network, or of an earlier one in the form that flannel's addresses have.
bool is_stale(const base::IpNet& network, const base::IpNet& address) {
  if (address.address.family() != network.address.family() || address.address.is_link_local()) return false;
  return network.contains(address.address) || address.prefix == address.address.bits();
}

/// Adds the desired address before it removes stale ones: with the last address the kernel would drop all
/// routes and neighbours of the device.
void ensure_address(netlink::NetlinkSocket& socket, const base::IpNet& desired, const base::IpNet& network,
                    DeviceResult& result) {
  if (!desired.address.is_v4())
    netlink::enable_ipv6(result.link);  // if it stays off the kernel refuses the address
  const auto actual = netlink::addresses_of(socket, result.link);
  const auto is_desired = [&](const netlink::Address& address) { return address.net == desired; };
  if (std::none_of(actual.begin(), actual.end(), is_desired) &&
      netlink::add_address(socket, result.link, desired))
    ++result.writes;
  for (const netlink::Address& address : actual) {
    if (is_desired(address) || !is_stale(network, address.net)) continue;
    if (netlink::remove_address(socket, result.link, address.net)) ++result.writes;
  }
}

bool is_planned(const NodePlan& plan, const std::string& name) {
  return std::any_of(plan.devices.begin(), plan.devices.end(),
                     [&](const Device& device) { return device.name == name; });
}

/// True for a device that an earlier configuration of this agent had.
bool is_former(netlink::NetlinkSocket& socket, const NodePlan& plan, const netlink::Link& link) {
  if (!link.alias.empty()) return link.alias == plan.owner;
  const auto is_within = [&](const std::vector<base::IpNet>& networks, const base::IpAddress& address) {
    return std::any_of(networks.begin(), networks.end(),
                       [&](const base::IpNet& network) { return network.contains(address); });
  };
  const auto addresses = netlink::addresses_of(socket, link);
  return std::any_of(addresses.begin(), addresses.end(), [&](const netlink::Address& one) {
    return is_within(plan.networks, one.net.address) || is_within(plan.former, one.net.address);
  });
}

/// Another agent's device of that name must be left alone, unless its network is ours now.
void check_owner(netlink::NetlinkSocket& socket, const Device& device) {
  const auto link = netlink::find_link(socket, device.name);
  if (!link || device.owner.empty() || link->alias == device.owner || !link->alias.starts_with(kOwnerMark))
    return;
  const auto addresses = netlink::addresses_of(socket, *link, device.network.address.family());
  if (std::all_of(addresses.begin(), addresses.end(), [&](const netlink::Address& one) {
        return one.net.address.is_link_local() || device.network.contains(one.net.address);
      }))
    return;
  throw base::SystemError(
      EBUSY,
      fmt::format("use link '{}', which is another agent's ('{}'): {}", device.name, link->alias,
                  std::holds_alternative<VxlanDevice>(device.kind) ? "give each network a VNI of its own"
                                                                   : "one network of a node can have it"));
}

void make_of_kind(netlink::NetlinkSocket& socket, WireguardAccess& access, const Device& device,
                  DeviceResult& result) {
  if (const auto* vxlan = std::get_if<VxlanDevice>(&device.kind)) make(socket, device, *vxlan, result);
  if (const auto* tun = std::get_if<TunDevice>(&device.kind)) make(socket, device, *tun, result);
  if (const auto* ipip = std::get_if<IpipDevice>(&device.kind))
    take_ensured(netlink::ensure_ipip(socket, ipip_spec(device, *ipip)), device, result);
  if (const auto* wireguard = std::get_if<WireguardDevice>(&device.kind))
    make_wireguard(socket, access, device, *wireguard, result);
}

void ensure_addresses(netlink::NetlinkSocket& socket, const Device& device, DeviceResult& result) {
  if (device.address) ensure_address(socket, *device.address, device.network, result);
  if (device.other_family && device.other_family->address)
    ensure_address(socket, *device.other_family->address, device.other_family->network, result);
}

}  // namespace

DeviceResult ensure_device(netlink::NetlinkSocket& socket, WireguardAccess& wireguard, const Device& device) {
  DeviceResult result;
  const bool made = attempt(device, result, [&] {
    check_owner(socket, device);
    make_of_kind(socket, wireguard, device, result);
  });
  if (!made || result.link.ifindex == 0) return result;
  attempt(device, result, [&] {
    if (device.owner.empty() || result.link.alias == device.owner) return;
    netlink::set_alias(socket, result.link, device.owner);
    ++result.writes;
  });
  if (!device.tx_checksum) attempt(device, result, [&] { ensure_checksum_off(device.name, result); });
  const bool is_up = attempt(device, result, [&] {
    if (result.link.is_up()) return;
    netlink::set_up(socket, result.link);
    result.has_risen = true;
    ++result.writes;
  });
  const bool has_addresses = attempt(device, result, [&] { ensure_addresses(socket, device, result); });
  result.serves = is_up && has_addresses;
  return result;
}

std::vector<std::string> remove_former_devices(netlink::NetlinkSocket& socket, const NodePlan& plan) {
  std::vector<std::string> notes;
  for (const netlink::Link& link : netlink::all_links(socket)) {
    if (!find_device_overhead(link.kind, link.name) || is_planned(plan, link.name)) continue;
    if (!is_former(socket, plan, link) || !netlink::remove_link(socket, link.name)) continue;
    notes.push_back(
        fmt::format("removed link '{}', which the present configuration does not use", link.name));
  }
  return notes;
}

DeviceLook look_at_device(netlink::NetlinkSocket& socket, WireguardAccess& wireguard, const Device& device) {
  const auto link = netlink::find_link(socket, device.name);
  if (!link) return {.ifindex = 0, .drift = fmt::format("link '{}' is gone", device.name)};
  DeviceLook look{.ifindex = link->ifindex, .drift = std::nullopt};
  std::optional<std::string> reason;
  if (const auto* vxlan = std::get_if<VxlanDevice>(&device.kind)) reason = find_drift(socket, device, *vxlan);
  if (const auto* tun = std::get_if<TunDevice>(&device.kind)) reason = find_drift(socket, device, *tun);
  if (const auto* ipip = std::get_if<IpipDevice>(&device.kind)) reason = find_drift(socket, device, *ipip);
  if (const auto* kind = std::get_if<WireguardDevice>(&device.kind))
    reason = find_wireguard_drift(wireguard, *link, *kind);
  if (reason)
    look.drift = fmt::format("link '{}': {}", device.name, *reason);
  else if (!link->is_up())
    look.drift = fmt::format("link '{}' is down", device.name);
  return look;
}

std::optional<Device> read_device(netlink::NetlinkSocket& socket, const netlink::Link& link) {
  if (link.kind != VxlanDevice::kLinkKind) return std::nullopt;
  const auto state = netlink::find_vxlan(socket, link.name);
  if (!state || !state->actual) return std::nullopt;
  const netlink::VxlanSpec& spec = *state->actual;
  Device device;
  device.name = spec.name;
  device.mtu = spec.mtu;
  device.mac = spec.mac;
  device.lower = spec.lower;
  device.kind = VxlanDevice{
      .vni = spec.vni, .port = spec.port, .local = spec.local, .learning = spec.learning, .gbp = spec.gbp};
  return device;
}

}  // namespace flanneld
