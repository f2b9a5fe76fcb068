// Reads tables, chains and rules of nf_tables, anyone's.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/ip.h"
#include "common/netfilter/nft_table.h"
#include "common/netlink/socket.h"

namespace netfilter {

/// What a rule does with a packet for which its tests hold. `other`: anything else, such as counting.
enum class NftVerdict : uint8_t { other, accept, drop, reject, return_, jump, goto_ };

/// One comparison in a rule: a part of the packet, or what the kernel knows of it, with a value.
struct NftTest {
  enum class Field : uint8_t {
    other,
    input_interface,
    output_interface,
    input_index,  ///< of the input interface
    family,       ///< of the packet, NFPROTO_*
    protocol,     ///< of the transport, IPPROTO_*
    network_header,
    transport_header,
    conntrack_state,
    conntrack_status
  };
  Field field = Field::other;
  uint32_t offset = 0;   ///< in the header, bytes
  std::string mask;      ///< of the bits that are compared; empty: all
  std::string value;     ///< for a range its first
  bool is_equal = true;  ///< holds for this value alone, not for others or a range
  bool in_set = false;   ///< holds for the values of a set, which are not read
  bool operator==(const NftTest&) const = default;

  /// The network that it compares the source with, in a chain that sees packets of that family.
  [[nodiscard]] std::optional<base::IpNet> source(base::Family family) const;
};

struct NftRuleInfo {
  uint64_t handle = 0;
  std::string comment;
  std::string tag;          ///< what NftTransaction was given for the rule; no tool shows it
  std::string expressions;  ///< as the kernel encodes them
  NftVerdict verdict = NftVerdict::other;
  std::string target;          ///< the chain of a jump or goto
  bool unconditional = false;  ///< its verdict holds for every packet
  bool may_decide = false;     ///< it may have a verdict that is not read: a map's, or a target's of iptables
  bool operator==(const NftRuleInfo&) const = default;

  [[nodiscard]] std::vector<NftTest> tests() const;
  /// The one interface whose packets the rule is for, if it tests for one by its name.
  [[nodiscard]] std::optional<std::string> input_interface() const;
  /// True if the rule compares the name of the input or output interface with `name`, or with a prefix of it.
  [[nodiscard]] bool names_interface(std::string_view name) const;
  /// True if the rule compares the source or destination with just this network.
  [[nodiscard]] bool names_network(const base::IpNet& net) const;
  /// The address that the rule gives packets; nullopt if it gives none, or one of several.
  [[nodiscard]] std::optional<base::IpAddress> nat_address() const;
};

struct NftChainInfo {
  NftTable table;
  std::string name;
  std::optional<NftHook> hook;  ///< of a base chain
  bool policy_drop = false;     ///< of a base chain: packets that no rule decides are dropped
  bool operator==(const NftChainInfo&) const = default;
};

/// A table with its chains and their rules in order. Leaves out sets and other objects.
struct NftTableInfo {
  uint32_t flags = 0;  ///< NFT_TABLE_F_*: dormant, …
  std::vector<NftChainInfo> chains;
  std::map<std::string, std::vector<NftRuleInfo>> rules;  ///< by chain; no entry for a chain without rules
  bool operator==(const NftTableInfo&) const = default;
};

// All of these throw NetlinkError when the kernel refuses to answer. A kernel without nf_tables, or without
// the table's family, answers as if there were no such object.

/// A number that every change of nf_tables in this network namespace changes, whoever makes it. Never 0, but
/// on a kernel without nf_tables.
uint32_t nft_generation(netlink::NetlinkSocket& socket);

/// Whether the kernel has nf_tables. Netfilter's netlink family may be there without it.
bool has_nf_tables(std::optional<netlink::NetlinkSocket>& socket);

/// The rules of a chain in order; none if the table or the chain does not exist.
std::vector<NftRuleInfo> nft_rules(netlink::NetlinkSocket& socket, const NftTable& table,
                                   const std::string& chain);

/// The handles of those rules of a chain that `matches`.
std::vector<uint64_t> nft_rule_handles(netlink::NetlinkSocket& socket, const NftTable& table,
                                       const std::string& chain,
                                       const std::function<bool(const NftRuleInfo& rule)>& matches);

/// The chains of all tables, or only of the tables of one family.
std::vector<NftChainInfo> nft_chains(netlink::NetlinkSocket& socket, std::optional<NftFamily> family = {});

/// nullopt if there is no such chain.
std::optional<NftChainInfo> find_nft_chain(netlink::NetlinkSocket& socket, const NftTable& table,
                                           const std::string& chain);

/// nullopt if there is no such table.
std::optional<NftTableInfo> find_nft_table(netlink::NetlinkSocket& socket, const NftTable& table);

}  // namespace netfilter
