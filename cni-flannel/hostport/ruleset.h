// The rules of nf_tables that lead ports of the node to pods: tables `ip cni_hostport` and `ip6
// cni_hostport`, with the reference's chains and a comment that is the container's ID, so that either removes
// what the other has made. Of which of the container's networks a rule is, stands where no tool looks.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cni-flannel/hostport/mappings.h"
#include "common/netlink/socket.h"

namespace flannel::hostport {

/// Whose rules.
struct Owner {
  std::string container_id;
  std::string tag = {};  ///< attachment_tag() of one of its attachments; empty: of all of them
};

/// A rule that leads a port to another pod.
struct Holder {
  std::string container_id;
  base::IpAddress address;  ///< of the pod; unspecified where it cannot be read
  Mapping wanted;           ///< which of the mappings asked for it holds
  std::string chain;
  uint64_t handle = 0;  ///< counts up: a lower one was there before
};

/// What was there at one moment.
struct Holders {
  uint32_t generation = 0;            ///< netfilter::nft_generation() of that moment
  std::vector<Holder> others;         ///< the rules of other containers that one of the mappings would meet
  std::optional<uint64_t> own_since;  ///< the lowest handle of a rule of the owner itself, if it has one
};
Holders find_holders(netlink::NetlinkSocket& nft, base::Family family, const std::vector<Mapping>& mappings,
                     const Owner& owner);

/// Makes the rules of one pod for one of its addresses, and what all share as the reference does; all or
/// none. The owner's earlier ones of that family go, those of its other networks stay. True if nobody has
/// changed anything since `seen`.
bool put_rules(netlink::NetlinkSocket& nft, const Conf& conf, const Owner& owner, const base::IpAddress& pod,
               const std::optional<Holders>& seen);

/// Removes all rules of the owner, of both families and all forms of the reference, whose rules do not tell
/// one network of the container from another. Returns the UDP ports that led to it.
std::vector<uint16_t> remove_rules(netlink::NetlinkSocket& nft, const Owner& owner);
/// Removes that one rule.
void remove_rule(netlink::NetlinkSocket& nft, base::Family family, const Holder& holder);

/// How many rules of the owner there are that lead to it; and, with `snat`, that masquerade for it.
size_t count_rules(netlink::NetlinkSocket& nft, base::Family family, const Owner& owner);
size_t count_masquerading(netlink::NetlinkSocket& nft, base::Family family, const Owner& owner);
/// How many rules put_rules() makes of either kind.
size_t masquerading_of(const Conf& conf, base::Family family);

/// Whether packets come to the rules of pods: somebody may have removed what all share, of either program.
bool leads_to_pods(netlink::NetlinkSocket& nft, base::Family family);

/// Whether a rule's comment stands for the container: of a long ID it has the beginning.
bool is_comment_of(const std::string& comment, const std::string& container_id);

/// The containers that have rules, as their comments say, each with an address that these lead to.
std::map<std::string, base::IpAddress> containers_with_rules(netlink::NetlinkSocket& nft);

}  // namespace flannel::hostport
