// The veth pair of an attachment, by its host's end.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "common/base/mac.h"
#include "common/cni/request.h"
#include "common/netlink/link.h"
#include "common/netlink/socket.h"
#include "common/netlink/veth.h"

namespace flannel {

/// The host's end of an attachment.
struct HostVeth {
  std::string name;
  base::MacAddress mac;
};

/// What differs between the ways of attaching.
struct VethMaking {
  /// As netlink::create_veth().
  std::function<bool(const netlink::VethPair&)> create;
  /// Does what the kernel takes only of a link that exists. The host's end has to have the alias afterwards.
  std::function<void(const std::string& name, const std::string& alias)> finish;
};

/// Makes the veth pair as `pair` says, which lacks the name and the MAC of the host's end. The container's
/// end is still down. Leaves none behind when it throws: cni::Error(conflict) when the container has an
/// interface of that name.
HostVeth create_host_veth(netlink::NetlinkSocket& host, const cni::Request& request, netlink::VethPair pair,
                          const VethMaking& making);

/// Removes the pair that create_host_veth() made, and no other of that name.
void remove_host_veth(netlink::NetlinkSocket& host, const HostVeth& veth);

/// The host's end of an attachment's veth pair, wherever the container's end is; nullopt if none.
std::optional<netlink::Link> find_host_veth(netlink::NetlinkSocket& host, const std::string& network,
                                            const cni::Attachment& attachment);

/// Removes those of `links` that are the host's ends of the network's attachments, and of no `valid` one.
void remove_stale_veths(netlink::NetlinkSocket& host, const std::vector<netlink::Link>& links,
                        const std::string& network, const std::vector<cni::Attachment>& valid);

}  // namespace flannel
