#include "flanneld/kernel/advice.h"

#include <fmt/format.h>

#include <cerrno>
#include <variant>

namespace flanneld {
namespace {

constexpr const char* kNoRight = "; flanneld needs the capability CAP_NET_ADMIN";

std::string advice_on_kind(const VxlanDevice& vxlan, int error_number) {
  switch (error_number) {
    case EADDRINUSE:
      return fmt::format(
          "; another device or program has UDP port {}: see `ip -d link show type vxlan` and "
          "`ss -lunp`, or set another Port in the backend of every node",
          vxlan.port);
    case EEXIST:
      return fmt::format(
          "; another VXLAN device has VNI {} and UDP port {}: see `ip -d link show type vxlan`, "
          "remove it, or set another VNI",
          vxlan.vni, vxlan.port);
    case EOPNOTSUPP:
      return "; does this kernel have VXLAN? See `modprobe vxlan`";
    default:
      return {};
  }
}

std::string advice_on_kind(const WireguardDevice& wireguard, int error_number) {
  switch (error_number) {
    case EADDRINUSE:
      return fmt::format(
          "; another device or program has UDP port {}: see `ss -lunp` and `wg show`, or set another "
          "ListenPort in the backend of every node",
          wireguard.port);
    case EOPNOTSUPP:
      return "; this kernel has no WireGuard, unless `modprobe wireguard` finds it; without it Debian's "
             "package "
             "wireguard-go serves the device";
    default:
      return {};
  }
}

std::string advice_on_kind(const IpipDevice& /*ipip*/, int error_number) {
  if (error_number != EOPNOTSUPP) return {};
  return "; this kernel has no ipip, unless `modprobe ipip` finds it; vxlan does the same";
}

std::string advice_on_kind(const TunDevice& /*tun*/, int error_number) {
  switch (error_number) {
    case ENOENT:
    case ENODEV:
    case ENXIO:
      return "; backend 'udp' needs /dev/net/tun: `modprobe tun`, and a container must be given the device "
             "(docker --device /dev/net/tun; Kubernetes: a hostPath of that name, and privileged)";
    case EBUSY:
      return "; is another flanneld still running? This one goes on when it has ended";
    default:
      return {};
  }
}

}  // namespace

std::string advice_on(const Device& device, int error_number) {
  if (error_number == EPERM || error_number == EACCES) return kNoRight;
  return std::visit([&](const auto& kind) { return advice_on_kind(kind, error_number); }, device.kind);
}

std::string advice_on(const netlink::Route& route, int error_number) {
  if (error_number == EPERM || error_number == EACCES) return kNoRight;
  const bool is_unreachable =
      error_number == ENETUNREACH || error_number == EHOSTUNREACH || error_number == EINVAL;
  if (is_unreachable && route.gw && !route.onlink)
    return "; host-gw needs nodes on one network: is this one on the other's? Beyond a router vxlan is "
           "needed";
  return {};
}

std::string advice_on_entries(int error_number) {
  if (error_number == EPERM || error_number == EACCES) return kNoRight;
  if (error_number == ENOBUFS || error_number == ENOMEM || error_number == ENOSPC)
    return "; the kernel's table is full: raise net.ipv4.neigh.default.gc_thresh3, and likewise for ipv6";
  return {};
}

}  // namespace flanneld
