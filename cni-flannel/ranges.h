// The ranges that the IPAM plugin gets: the node's subnets, as far as `ipam` leaves them to the pods.
#pragma once

#include "common/flannel/subnet_env.h"
#include "common/json/json.h"

namespace flannel {

/// One range set for each subnet of `env`, in its order, within what `ipam` says by `ranges`, or by `subnet`,
/// `rangeStart`, `rangeEnd` and `gateway`, and without the addresses that it has `reserved`. The sets of
/// `ipam.ranges` come first, in their order. An address without network bits ("0.0.0.100") is one of every
/// node's subnet. Throws cni::Error(invalid_config) for what does not fit the node's subnets: nothing is
/// ignored.
json::Value render_ranges(const json::Value& ipam, const SubnetEnv& env);

}  // namespace flannel
