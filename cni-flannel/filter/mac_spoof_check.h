// `macspoofchk`: frames from a pod with another source address than its own are dropped.
// Chains, rules and comments are the reference bridge plugin's.
#pragma once

#include <string>

#include "common/base/mac.h"
#include "common/cni/request.h"

namespace flannel {

void add_spoof_check(const cni::Attachment& attachment, const std::string& host_veth,
                     const base::MacAddress& mac);

/// Removes the attachment's rules and chains; it need not have any.
void remove_spoof_check(const cni::Attachment& attachment);

}  // namespace flannel
