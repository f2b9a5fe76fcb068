// The annotations by which Kubernetes' Nodes are leases: their names, what this node writes, and the bytes of
// the patches that write it. Pure. The form is Go flanneld's.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "flanneld/lease/clock.h"
#include "flanneld/lease/lease.h"
#include "flanneld/lease/network_config.h"

namespace flanneld {

/// What follows the prefix in the name of an annotation.
namespace annotation {
inline constexpr const char *kMarker = "kube-subnet-manager", *kBackendType = "backend-type",
                            *kBackendData = "backend-data", *kBackendV6Data = "backend-v6-data",
                            *kPublicIp = "public-ip", *kPublicIpv6 = "public-ipv6",
                            *kPublicIpOverwrite = "public-ip-overwrite",
                            *kPublicIpv6Overwrite = "public-ipv6-overwrite",
                            *kNodePublicIp = "node-public-ip", *kNodePublicIpv6 = "node-public-ipv6";
}  // namespace annotation

/// By what follows the prefix.
using Annotations = std::map<std::string, std::string, std::less<>>;

/// What the Node of a node with these attributes shows, if its annotations are `present`: an operator may
/// have put another public address there.
Annotations wanted_annotations(const LeaseAttributes& attributes, const Annotations& present);

/// The backend's type, and its data in `family`, that a Node shows. Throws base::ParseError for no JSON.
void read_backend(const Annotations& annotations, base::Family family, LeaseAttributes& attributes);
/// The same with the public address. Throws base::ParseError when one is unusable; then it changes nothing.
void read_family(const Annotations& annotations, base::Family family, LeaseAttributes& attributes);

/// The patch that turns `present` into `wanted`; only what differs is in it, and what this node does not
/// publish is removed. Empty: nothing differs. `prefix` is what the names begin with, "x.io/n1-".
std::string annotations_patch(const std::string& prefix, const Annotations& present,
                              const Annotations& wanted);

/// The patch that tells the scheduler that the node's network is there.
std::string network_condition_patch(std::chrono::sys_seconds now);
inline constexpr const char* kNetworkReason = "FlannelIsUp";

}  // namespace flanneld
