// The names of links on the host: an attachment is found again by them, without its container's namespace.
#pragma once

#include <string>

#include "common/cni/request.h"

namespace flannel {

/// The name of the host's end of an attachment's veth pair: "veth" and 8 hex digits that follow from the
/// attachment. `attempt` counts up from 0 when another attachment has the name.
std::string host_veth_name(const cni::Attachment& attachment, unsigned attempt);
inline constexpr unsigned kMaxHostNames = 4;

/// The name of the bridge port behind `gateway_link`, the link that carries the gateway's address in a VLAN:
/// of the same form.
std::string gateway_port_name(const std::string& bridge, const std::string& gateway_link);

/// The alias of the host's end, which says whose it is: "network/containerID/ifname", at most 255 bytes.
std::string link_alias(const std::string& network, const cni::Attachment& attachment);

/// Whether a link of that name and alias is the host's end of an attachment of the network.
bool is_host_veth(const std::string& name, const std::string& alias, const std::string& network);

/// What rules of an attachment are tagged with, where a program must not be shown a name: the network's part
/// first.
std::string attachment_tag(const std::string& network, const cni::Attachment& attachment);
/// How the tags of all attachments of a network begin.
std::string tag_start_of(const std::string& network);

/// The container ID in such an alias; empty if another program wrote it.
std::string container_of(const std::string& alias);

}  // namespace flannel
