#include "flanneld/kernel/wireguard_device.h"

#include <fmt/format.h>

#include <cerrno>

#include "common/base/text.h"
#include "common/netlink/error.h"

namespace flanneld {
namespace {

constexpr const char* kProgramKind = "tun";

bool may_be_wireguard(const netlink::Link& link) {
  return link.kind == netlink::kWireguardKind || link.kind == kProgramKind;
}

netlink::Link create(netlink::NetlinkSocket& socket, const Device& device, DeviceResult& result) {
  try {
    netlink::create_wireguard(socket, device.name, device.mtu);
  } catch (const netlink::NetlinkError& error) {
    result.needs_program = error.error_number() == EOPNOTSUPP;
    throw;
  }
  ++result.writes;
  auto link = netlink::find_link(socket, device.name);
  if (!link)
    throw netlink::NetlinkError(ENODEV, fmt::format("create wireguard device {}", base::quoted(device.name)),
                                "it went away at once");
  return *link;
}

netlink::Link find_or_create(netlink::NetlinkSocket& socket, const Device& device, DeviceResult& result) {
  auto link = netlink::find_link(socket, device.name);
  if (link && may_be_wireguard(*link)) return *link;
  if (link && netlink::remove_link(socket, device.name)) {
    ++result.writes;
    result.notes.push_back(
        fmt::format("made link '{}' anew: it is a {} device", device.name, base::quoted(link->kind)));
  }
  return create(socket, device, result);
}

netlink::WireguardState read(WireguardAccess& access, const netlink::Link& link) {
  if (auto state = access.read(link.name)) return *state;
  throw base::SystemError(ENODEV,
                          fmt::format("use link {}: it is a {} device that no WireGuard program serves",
                                      base::quoted(link.name), base::quoted(link.kind)));
}

}  // namespace

void make_wireguard(netlink::NetlinkSocket& socket, WireguardAccess& access, const Device& device,
                    const WireguardDevice& wireguard, DeviceResult& result) {
  const netlink::Link link = find_or_create(socket, device, result);
  const netlink::WireguardState state = read(access, link);
  if (state.private_key != wireguard.private_key || state.port != wireguard.port) {
    access.configure(device.name, wireguard.private_key, wireguard.port);
    ++result.writes;
  }
  if (link.mtu != device.mtu) {
    netlink::set_mtu(socket, link, device.mtu);
    ++result.writes;
  }
  result.link = link;
  result.has_program = link.kind == kProgramKind;
}

std::optional<std::string> find_wireguard_drift(WireguardAccess& access, const netlink::Link& link,
                                                const WireguardDevice& wireguard) {
  if (!may_be_wireguard(link)) return fmt::format("it is a {} device", base::quoted(link.kind));
  const auto state = access.read(link.name);
  if (!state) return "no WireGuard program serves it";
  if (state->private_key != wireguard.private_key) return "it has another key";
  if (state->port != wireguard.port)
    return fmt::format("its port is {} instead of {}", state->port, wireguard.port);
  return std::nullopt;
}

}  // namespace flanneld
