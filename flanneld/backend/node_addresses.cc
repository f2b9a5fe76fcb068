#include "flanneld/backend/node_addresses.h"

#include <fmt/format.h>

#include "common/base/error.h"
#include "common/base/text.h"
#include "flanneld/lease/go_json.h"

namespace flanneld {

using base::Family;

std::vector<Family> families_of(const NetworkConfig& config) {
  std::vector<Family> families;
  for (const Family family : base::kFamilies)
    if (config.of(family)) families.push_back(family);
  return families;
}

const std::optional<base::IpAddress>& public_address(const ExternalInterface& external, Family family) {
  return family == Family::v4 ? external.public_ipv4 : external.public_ipv6;
}

const std::optional<base::IpAddress>& interface_address(const ExternalInterface& external, Family family) {
  return family == Family::v4 ? external.ipv4 : external.ipv6;
}

LeaseAttributes make_attributes(const BackendContext& context, const std::string& backend_type) {
  LeaseAttributes attributes;
  attributes.backend_type = backend_type;
  for (const Family family : families_of(context.config)) {
    const auto& address = public_address(context.external, family);
    if (!address)
      throw base::ParseError(fmt::format("interface '{}' has no {} address that peers can send to",
                                         context.external.name, family_name(family)));
    if (family == Family::v4)
      attributes.public_ip = *address;
    else
      attributes.public_ipv6 = address;
  }
  return attributes;
}

base::IpAddress peer_address(const Lease& peer, Family family) {
  const LeaseAttributes& attributes = peer.attributes;
  const auto address = family == Family::v4 ? std::optional(attributes.public_ip) : attributes.public_ipv6;
  if (!address || address->is_unspecified())
    throw base::ParseError(
        fmt::format("lease of {} has no public {} address", peer.key.str(), family_name(family)));
  return *address;
}

void check_backend_type(const Lease& peer, std::string_view backend_type) {
  const std::string& type = peer.attributes.backend_type;
  if (type == backend_type) return;
  const auto name = [](std::string_view one) {
    return one.empty() ? "no backend ('udp' or 'alloc')" : fmt::format("backend {}", base::quoted(one));
  };
  throw base::ParseError(
      fmt::format("lease of {} is of {} instead of {}", peer.key.str(), name(type), name(backend_type)));
}

uint32_t make_tunnel_mtu(const ExternalInterface& external, uint32_t chosen, const TunnelOverhead& tunnel) {
  const uint32_t least_inner = tunnel.inner == Family::v4 ? 68 : 1280;  // RFC 791, RFC 8200
  const uint32_t underlay = chosen != 0 ? chosen : external.mtu, least = tunnel.overhead + least_inner;
  if (chosen > external.mtu)
    throw base::ParseError(fmt::format("Backend.MTU is {}, more than the {} of interface '{}'", chosen,
                                       external.mtu, external.name));
  if (underlay < least)
    throw base::ParseError(
        fmt::format("the MTU of interface '{}', {}, is too small for {} over {}: it must be {} at least",
                    external.name, underlay, tunnel.backend, family_name(tunnel.underlay), least));
  return underlay - tunnel.overhead;
}

bool is_directly_connected(const std::vector<HostRoute>& routes, const base::IpAddress& address) {
  const HostRoute* best = nullptr;
  for (const HostRoute& route : routes)
    if (route.dst.address.family() == address.family() && route.dst.contains(address) &&
        (!best || best->dst.prefix < route.dst.prefix))
      best = &route;
  return best && !best->has_gateway;
}

}  // namespace flanneld
