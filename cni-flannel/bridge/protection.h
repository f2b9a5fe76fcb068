// What keeps a pod from hurting the others of its node: its port takes its own MAC and addresses, and the
// node knows both without asking anybody who may lie. README.md, "What a pod can do to others", says what
// follows.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cni-flannel/bridge/conf.h"
#include "cni-flannel/pod/plan.h"
#include "common/base/rollback.h"
#include "common/guard/existing.h"
#include "common/netlink/bridge.h"
#include "common/netlink/link.h"
#include "common/netlink/socket.h"

namespace flannel {

/// The options of a pod's port. `alias` as in netlink::PortOptions.
netlink::PortOptions pod_port_options(const BridgeConf& conf, const std::string& alias);

/// The MAC of the link that has the gateway's address, as of a container that had it: those that remember a
/// link which was removed find the next one. nullopt without a gateway or subnet.
std::optional<base::MacAddress> mac_of_gateway(const BridgeConf& conf);

/// Where the pods of `conf` are.
guard::Node node_of(const BridgeConf& conf, const netlink::Link& bridge, const netlink::Link& gateway_link);

/// Lets the pod behind the port send under its own addresses alone, and makes the node's entries of its MAC
/// and addresses. To be done before its interface comes up. Ports that were there before get the same when
/// the rules had to be made, or if `is_new_bridge`. On a kernel that lacks a part of it the rest is done; one
/// without nf_tables has no `nft` (netfilter::open_nft_socket()).
void protect_pod(netlink::NetlinkSocket& host, std::optional<netlink::NetlinkSocket>& nft,
                 const BridgeConf& conf, const Plan& plan, const guard::Node& node, const std::string& port,
                 bool is_new_bridge, base::Rollback& undo);

/// What DEL takes back of that: the entries of the addresses that the attachment has leased, or that
/// `prevResult` lists and nobody else has by now. `port` is the host's end that it removed, if there was one.
void unprotect_pod(const cni::Request& request, const std::optional<std::string>& port);

/// Guards a pod that CHECK finds without: of ours from before, or whose rules somebody removed.
void repair_protection(netlink::NetlinkSocket& host, const BridgeConf& conf,
                       const std::vector<base::IpNet>& addresses, const guard::Node& node,
                       const netlink::Link& port, const netlink::Link& container);

/// What of it this kernel cannot give, in words for an operator; empty where that cannot be found out.
std::vector<std::string> missing_protection(netlink::NetlinkSocket& host,
                                            const std::optional<netlink::Link>& bridge);

/// GC: removes the entries of pods that are gone.
void collect_protection(const BridgeConf& conf);

}  // namespace flannel
