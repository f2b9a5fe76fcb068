#include "flanneld/node/candidates.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>

#include "common/base/text.h"
#include "flanneld/lease/go_json.h"

namespace flanneld {

using base::Family;
using base::IpAddress;

Candidates::Candidates(const HostNetwork& host, const InterfaceRequest& request)
    : host_(host), request_(request) {
  for (const HostInterface& interface : host_.interfaces)
    if (!interface.is_flannels) interfaces_.push_back(&interface);
  std::stable_partition(interfaces_.begin(), interfaces_.end(),
                        [](const HostInterface* one) { return one->is_up(); });
}

const HostInterface& Candidates::not_flannels(const HostInterface& interface) {
  if (interface.is_flannels)
    throw Reject{
        fmt::format("interface {} is flannel's own, it leads to pods", base::quoted(interface.name))};
  return interface;
}

const HostInterface& Candidates::named(const std::string& name) const {
  const auto found = std::ranges::find(host_.interfaces, name, &HostInterface::name);
  if (found == host_.interfaces.end())
    throw Reject{fmt::format("there is no interface {}; there are {}", base::quoted(name), names())};
  return not_flannels(*found);
}

const HostInterface& Candidates::at(int ifindex) const {
  const auto found = std::ranges::find(host_.interfaces, ifindex, &HostInterface::ifindex);
  if (found == host_.interfaces.end())
    throw Reject{fmt::format("the interface with index {} has just gone", ifindex)};
  return not_flannels(*found);
}

const HostInterface& Candidates::holder_of(const IpAddress& ip) const {
  const auto found =
      std::ranges::find_if(host_.interfaces, [&](const HostInterface& one) { return one.holds(ip); });
  if (found == host_.interfaces.end()) throw Reject{fmt::format("no interface has the address {}", ip)};
  check(ip);
  return not_flannels(*found);
}

void Candidates::check(const IpAddress& ip) const {
  if (const FamilyConfig* config = network_of(ip))
    throw Reject{fmt::format("{} is within the pod network {}", ip, config->network)};
}

const FamilyConfig* Candidates::network_of(const IpAddress& ip) const {
  const auto found = std::ranges::find_if(request_.pod_networks,
                                          [&](const FamilyConfig& one) { return one.may_be_pods(ip); });
  return found == request_.pod_networks.end() ? nullptr : &*found;
}

std::vector<IpAddress> Candidates::usable(const HostInterface& interface, Family family) const {
  std::vector<IpAddress> usable = interface.usable_addresses(family);
  std::erase_if(usable, [&](const IpAddress& ip) { return network_of(ip) != nullptr; });
  std::stable_partition(usable.begin(), usable.end(), [&](const IpAddress& ip) {
    return std::ranges::find(request_.known, ip) != request_.known.end();
  });
  return usable;
}

IpAddress Candidates::best(const HostInterface& interface, Family family) const {
  const auto can_be = usable(interface, family);
  if (!can_be.empty()) return can_be.front();
  const auto of_pods = interface.usable_addresses(family);
  throw Reject{fmt::format("interface {} has no usable {} address{}", base::quoted(interface.name),
                           family_name(family),
                           of_pods.empty() ? ""
                                           : fmt::format(": {} is within the pod network {}", of_pods.front(),
                                                         network_of(of_pods.front())->network))};
}

bool Candidates::is_known(const HostInterface& interface) const {
  return std::ranges::any_of(request_.known, [&](const IpAddress& ip) { return interface.holds(ip); });
}

std::string Candidates::names() const {
  std::vector<std::string> names;
  for (const HostInterface& interface : host_.interfaces)
    if (!interface.is_flannels) names.push_back(interface.name);
  return names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "));
}

std::string describe_candidates(const HostNetwork& host, const InterfaceRequest& request) {
  const Candidates candidates(host, request);
  std::vector<std::string> described;
  for (const HostInterface* interface : candidates.interfaces()) {
    std::vector<IpAddress> addresses;
    for (const Family family : base::kFamilies)
      if (family == Family::v4 ? request.ipv4 : request.ipv6)
        std::ranges::copy(candidates.usable(*interface, family), std::back_inserter(addresses));
    if (addresses.empty()) continue;
    described.push_back(fmt::format("{}{} {}", interface->name, interface->is_up() ? "" : " (down)",
                                    fmt::join(addresses, " ")));
  }
  return described.empty() ? "none" : fmt::format("{}", fmt::join(described, ", "));
}

}  // namespace flanneld
