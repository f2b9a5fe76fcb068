// Source NAT for containers whose traffic flanneld does not masquerade (FLANNEL_IPMASQ=false).
// Tables, chains, rules and comments are the reference bridge plugin's: each can remove the other's.
#pragma once

#include <string>
#include <vector>

#include "cni-flannel/filter/masquerade_rule.h"
#include "common/base/ip.h"
#include "common/cni/request.h"

namespace flannel {

/// `automatic` is nftables, or iptables on a kernel whose nf_tables cannot masquerade.
enum class MasqueradeBackend { automatic, nftables, iptables };

/// Adds the rules of an attachment, all or none. Throws cni::Error if the node lacks the backend,
/// NetlinkError if the kernel refuses.
void add_masquerade(MasqueradeBackend backend, const std::string& network, const cni::Attachment& attachment,
                    const std::vector<MasqueradeRule>& rules);

/// Removes all rules of the attachment, of both backends where `backend` does not exclude one. The attachment
/// need not have any, and its addresses need not be known.
void remove_masquerade(MasqueradeBackend backend, const std::string& network,
                       const cni::Attachment& attachment);

/// True if the attachment has a rule for each of its addresses, of either backend if it is `automatic`.
bool has_masquerade(MasqueradeBackend backend, const std::string& network, const cni::Attachment& attachment,
                    const std::vector<base::IpNet>& addresses);

/// Removes the rules of all attachments of `network` but the `valid` ones, of both backends unless `backend`
/// is nftables.
void collect_masquerade(MasqueradeBackend backend, const std::string& network,
                        const std::vector<cni::Attachment>& valid);

}  // namespace flannel
