// The container's end of an attachment: its addresses, routes and settings.
#pragma once

#include <optional>
#include <string>

#include "cni-flannel/pod/conf.h"
#include "cni-flannel/pod/namespace.h"
#include "cni-flannel/pod/plan.h"

namespace flannel {

/// Throws cni::Error(conflict) if the container has an interface of that name: a second ADD must
/// end before it touches anything of the first.
void check_ifname_free(Container& container, const cni::Attachment& attachment);

/// Makes the settings of the container's interface, which is down, for addresses of those families.
void set_interface_options(Container& container, const std::string& ifname, const PodConf& conf,
                           Families families);

/// Gives the container's interface its addresses and routes, and brings it up. Where `gateway_mac` is given,
/// the gateways have it as long as the container lives, which so asks nobody for it.
void configure_container(Container& container, const std::string& ifname, const PodConf& conf,
                         const Plan& plan, const std::optional<base::MacAddress>& gateway_mac);

/// Waits until the container takes packets to its addresses, at most a second; what is sent to it before is
/// lost.
void wait_until_reachable(Container& container, const Plan& plan);

}  // namespace flannel
