// Source NAT for pods whose traffic flanneld does not masquerade (FLANNEL_IPMASQ=false).
// Layout, names and comments are the reference bridge plugin's, so that either can remove the
// other's rules.
#pragma once

#include <string>
#include <vector>

#include "cni-flannel/bridge/conf.h"
#include "common/base/ip.h"
#include "common/cni/request.h"

namespace flannel {

/// Adds the rules of one attachment for its addresses, all or none.
void add_masquerade(MasqueradeBackend backend, const std::string& network, const cni::Attachment& attachment,
                    const std::vector<base::IpNet>& addresses);

/// Removes whatever rules the attachment has, by either backend; it need not have any and its
/// addresses need not be known.
void remove_masquerade(MasqueradeBackend backend, const std::string& network,
                       const cni::Attachment& attachment);

/// True if the attachment has a rule for every address (looks at nftables only).
bool has_masquerade(const std::string& network, const cni::Attachment& attachment, size_t addresses);

/// Removes the rules of all attachments of `network` but the `valid` ones, by either backend unless it is
/// nftables.
void collect_masquerade(MasqueradeBackend backend, const std::string& network,
                        const std::vector<cni::Attachment>& valid);

}  // namespace flannel
