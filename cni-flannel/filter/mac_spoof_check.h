// `macspoofchk`: drops frames that a container sends with another source address than its own.
// Chains, rules and comments are the reference bridge plugin's.
#pragma once

#include <string>

#include "common/base/mac.h"
#include "common/cni/request.h"

namespace flannel {

/// Adds the attachment's chains and rules, all or none. Throws NetlinkError, also on a kernel without
/// nf_tables for bridges.
void add_mac_spoof_check(const cni::Attachment& attachment, const std::string& host_veth,
                         const base::MacAddress& mac);

/// Removes the attachment's rules and chains, all or none. It need not have any.
void remove_mac_spoof_check(const cni::Attachment& attachment);

/// Removes the rules and chains of all attachments, of whatever network, whose interface on the host no
/// longer exists.
void collect_mac_spoof_check();

/// The attachment's chain in table `bridge nat`. The rules about the address are in a second one, of this
/// name and "-mac".
std::string mac_spoof_chain(const cni::Attachment& attachment);

}  // namespace flannel
