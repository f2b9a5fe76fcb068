// The configuration of host-local. The store's directory is read apart from the ranges, so that DEL and GC
// work when the ranges have become invalid.
#pragma once

#include <string>
#include <vector>

#include "cni-ipam/allocator.h"
#include "cni-ipam/store/range.h"
#include "common/cni/request.h"

namespace ipam {

/// The store's directory, "<ipam.dataDir>/<network>". Reads nothing else of `ipam`. Throws cni::Error.
std::string store_directory(const cni::Request& request);

/// The range sets of runtimeConfig.ipRanges, ipam.subnet and ipam.ranges, in this order. Their index is the N
/// of last_reserved_ip.N. Throws cni::Error when there are none or they are invalid.
std::vector<RangeSet> parse_ranges(const cni::Request& request);

/// The addresses requested by CNI_ARGS, args.cni.ips and runtimeConfig.ips, in this order, each once.
std::vector<Requested> parse_requested(const cni::Request& request);

/// ipam.routes.
std::vector<cni::Route> parse_routes(const cni::Request& request);

/// ipam.resolvConf; empty if not set.
std::string resolv_conf_path(const cni::Request& request);

}  // namespace ipam
