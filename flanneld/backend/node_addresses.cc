#include "flanneld/backend/node_addresses.h"

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
      throw base::ParseError("interface '" + context.external.name + "' has no " +
                             std::string(family_name(family)) + " address that peers can send to");
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
    throw base::ParseError("lease of " + peer.key.str() + " has no public " + family_name(family) +
                           " address");
  return *address;
}

void check_backend_type(const Lease& peer, const std::string& backend_type) {
  const std::string& type = peer.attributes.backend_type;
  if (type == backend_type) return;
  throw base::ParseError("lease of " + peer.key.str() + " is of " +
                         (type.empty() ? "no backend" : "backend " + in_quotes(type)) + " instead of '" +
                         backend_type + "'");
}

}  // namespace flanneld
