// The container's end of an attachment: its addresses, routes and settings.
#pragma once

#include <string>

#include "cni-flannel/bridge/conf.h"
#include "cni-flannel/bridge/plan.h"
#include "cni-flannel/pod/namespace.h"

namespace flannel {

/// Throws cni::Error(conflict) if the container has an interface of that name: a second ADD must
/// end before it touches anything of the first.
void check_ifname_free(Container& container, const cni::Attachment& attachment);

/// Makes the settings of the container's interface, which is down, for addresses of those families.
void set_interface_options(Container& container, const std::string& ifname, const BridgeConf& conf,
                           Families families);

/// Gives the container's interface its addresses and routes, and brings it up. The gateways have
/// `gateway_mac`, which the container asks nobody for if it follows from the subnet and so stays.
void configure_container(Container& container, const std::string& ifname, const BridgeConf& conf,
                         const Plan& plan, const base::MacAddress& gateway_mac);

}  // namespace flannel
