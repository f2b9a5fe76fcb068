#include "flanneld/kernel/device.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/netlink/address.h"
#include "common/netlink/offload.h"
#include "common/netlink/sysctl.h"
#include "common/netlink/vxlan.h"

namespace flanneld {
namespace {

/// Runs one step. A failure is noted, and the next step is tried nevertheless.
template <class Step>
void attempt(DeviceResult& result, Step&& step) {
  try {
    step();
  } catch (const base::SystemError& error) {
    result.failures.emplace_back(error.what());
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

void make(netlink::NetlinkSocket& socket, const Device& device, const VxlanDevice& vxlan,
          DeviceResult& result) {
  netlink::EnsuredVxlan ensured = netlink::ensure_vxlan(socket, vxlan_spec(device, vxlan));
  result.link = std::move(ensured.link);
  result.writes += ensured.writes;
  if (ensured.mtu_failure) result.failures.push_back(std::move(*ensured.mtu_failure));
  if (ensured.replaced)
    result.notes.push_back(fmt::format("made link '{}' anew: {}", device.name, *ensured.replaced));
}

std::optional<std::string> find_drift(netlink::NetlinkSocket& socket, const Device& device,
                                      const VxlanDevice& vxlan) {
  const auto state = netlink::find_vxlan(socket, device.name);
  return state ? netlink::incompatibility(*state, vxlan_spec(device, vxlan)) : std::nullopt;
}

void ensure_checksum_off(const std::string& name, DeviceResult& result) {
  if (!netlink::tx_checksum_offload(name)) return;
  netlink::set_tx_checksum_offload(name, false);
  ++result.writes;
}

/// Adds the desired address before it removes stale ones: with the last address the kernel would drop all
/// routes and neighbours of the device.
void ensure_address(netlink::NetlinkSocket& socket, const Device& device, DeviceResult& result) {
  const base::IpNet& desired = *device.address;
  if (!desired.address.is_v4())
    netlink::enable_ipv6(result.link);  // if it stays off the kernel refuses the address
  const auto actual = netlink::addresses_of(socket, result.link);
  const auto is_desired = [&](const netlink::Address& address) { return address.net == desired; };
  if (std::none_of(actual.begin(), actual.end(), is_desired) &&
      netlink::add_address(socket, result.link, desired))
    ++result.writes;
  for (const netlink::Address& address : actual) {
    if (is_desired(address) || !device.network.contains(address.net.address)) continue;
    if (netlink::remove_address(socket, result.link, address.net)) ++result.writes;
  }
}

}  // namespace

DeviceResult ensure_device(netlink::NetlinkSocket& socket, const Device& device) {
  DeviceResult result;
  attempt(result,
          [&] { std::visit([&](const auto& kind) { make(socket, device, kind, result); }, device.kind); });
  if (result.link.ifindex == 0) return result;
  if (!device.tx_checksum) attempt(result, [&] { ensure_checksum_off(device.name, result); });
  attempt(result, [&] {
    if (result.link.is_up()) return;
    netlink::set_up(socket, result.link);
    ++result.writes;
  });
  if (device.address) attempt(result, [&] { ensure_address(socket, device, result); });
  return result;
}

DeviceLook look_at_device(netlink::NetlinkSocket& socket, const Device& device) {
  const auto link = netlink::find_link(socket, device.name);
  if (!link) return {.ifindex = 0, .drift = fmt::format("link '{}' is gone", device.name)};
  DeviceLook look{.ifindex = link->ifindex, .drift = std::nullopt};
  const auto reason =
      std::visit([&](const auto& kind) { return find_drift(socket, device, kind); }, device.kind);
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
