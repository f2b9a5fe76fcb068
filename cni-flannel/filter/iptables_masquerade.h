// The iptables backend of masquerade.h: one iptables-restore process for each change and family.
#pragma once

#include <string>
#include <vector>

#include "cni-flannel/filter/masquerade_rule.h"
#include "common/base/ip.h"
#include "common/cni/request.h"

namespace flannel {

/// Throws cni::Error(unsupported_field) when the node has no iptables-restore.
void add_iptables_masquerade(const std::string& network, const cni::Attachment& attachment,
                             const std::vector<MasqueradeRule>& rules);

/// Does nothing if there is no such chain, or no iptables on the node.
void remove_iptables_masquerade(const std::string& network, const cni::Attachment& attachment);

/// True if the traffic from each of `addresses` is led to the container's chain.
bool has_iptables_masquerade(const std::string& network, const cni::Attachment& attachment,
                             const std::vector<base::IpNet>& addresses);

/// Removes the rules of all containers of `network` but those of the `valid` attachments.
void collect_iptables_masquerade(const std::string& network, const std::vector<cni::Attachment>& valid);

/// The container's chain in table nat: "CNI-" and hex digits, 28 characters.
std::string iptables_chain(const std::string& network, const std::string& container_id);

}  // namespace flannel
