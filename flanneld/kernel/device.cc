#include "flanneld/kernel/device.h"

#include <algorithm>

#include "common/netlink/address.h"
#include "common/netlink/offload.h"
#include "common/netlink/vxlan.h"

namespace flanneld {
namespace {

/// Runs one step; what goes wrong is noted, and the next step is tried nevertheless.
template <class Step>
void attempt(DeviceResult& result, Step&& step) {
  try {
    step();
  } catch (const base::SystemError& error) {
    result.failures.emplace_back(error.what());
  }
}

void ensure_checksum_off(const std::string& name, DeviceResult& result) {
  if (!netlink::tx_checksum_offload(name)) return;
  netlink::set_tx_checksum_offload(name, false);
  ++result.writes;
}

/// The address that is wanted comes first: with the last one the kernel would drop all routes and
/// neighbours of the device.
void ensure_address(netlink::NetlinkSocket& socket, const PlannedDevice& device, DeviceResult& result) {
  const base::IpNet& wanted = *device.address;
  const auto present = netlink::addresses_of(socket, result.link);
  const auto is_wanted = [&](const netlink::Address& address) { return address.net == wanted; };
  if (std::none_of(present.begin(), present.end(), is_wanted) &&
      netlink::add_address(socket, result.link, wanted))
    ++result.writes;
  for (const netlink::Address& address : present) {
    if (is_wanted(address) || !device.network.contains(address.net.address)) continue;
    if (netlink::remove_address(socket, result.link, address.net)) ++result.writes;
  }
}

}  // namespace

DeviceResult ensure_device(netlink::NetlinkSocket& socket, const PlannedDevice& device) {
  DeviceResult result;
  const std::string& name = device.vxlan.name;
  attempt(result, [&] {
    netlink::EnsuredVxlan ensured = netlink::ensure_vxlan(socket, device.vxlan);
    result.link = std::move(ensured.link);
    result.writes += ensured.writes;
    if (ensured.mtu_failure) result.failures.push_back(std::move(*ensured.mtu_failure));
    if (ensured.replaced) result.notes.push_back("made link '" + name + "' anew: " + *ensured.replaced);
  });
  if (result.link.ifindex == 0) return result;
  if (!device.tx_checksum) attempt(result, [&] { ensure_checksum_off(name, result); });
  attempt(result, [&] {
    if (result.link.is_up()) return;
    netlink::set_up(socket, result.link);
    ++result.writes;
  });
  if (device.address) attempt(result, [&] { ensure_address(socket, device, result); });
  return result;
}

}  // namespace flanneld
