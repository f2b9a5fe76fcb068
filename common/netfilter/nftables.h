// nftables rules over netlink: no program is started and each change is one transaction.
// Source: include/uapi/linux/netfilter/nf_tables.h; comments are stored as the nft tool stores them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/ip.h"
#include "common/base/mac.h"
#include "common/netlink/socket.h"

namespace netlink {

enum class NftFamily : uint8_t { inet, bridge, ip, ip6 };

struct NftTable {
  NftFamily family = NftFamily::inet;
  std::string name;
  bool operator==(const NftTable&) const = default;
  /// "ip filter", as the nft tool names it.
  [[nodiscard]] std::string str() const;
};

/// Where a base chain hooks in: the numbers of NF_INET_* and NF_BR_*, which are the same.
enum class NftHookPoint : uint8_t { prerouting, input, forward, output, postrouting };
struct NftHook {
  std::string type;  ///< "nat", "filter"
  NftHookPoint point = NftHookPoint::prerouting;
  int32_t priority = 0;  ///< lower runs first
  bool operator==(const NftHook&) const = default;
};

/// The statements of a rule, in order.
class NftRule {
 public:
  /// For a table of `family`: in those of one protocol, addresses need no test of the protocol before.
  explicit NftRule(NftFamily family = NftFamily::inet) : family_(family) {}

  /// `ip saddr == address`, or ip6.
  NftRule& source_is(const base::IpAddress& address);
  /// `ip saddr net`, or ip6; negated unless `is_within`.
  NftRule& source(const base::IpNet& net, bool is_within);
  NftRule& destination(const base::IpNet& net, bool is_within);
  NftRule& input_interface_is(const std::string& name);
  NftRule& ethernet_source_is(const base::MacAddress& mac);
  /// `udp dport port`.
  NftRule& udp_port_is(uint16_t port);
  /// `meta mark & mask == value`.
  NftRule& mark_is(uint32_t value, uint32_t mask);
  NftRule& counter();
  /// With ports chosen at random if `fully_random`; otherwise kept where possible.
  NftRule& masquerade(bool fully_random = false);
  NftRule& accept();
  NftRule& drop();
  NftRule& return_();
  NftRule& jump(const std::string& chain);
  NftRule& goto_(const std::string& chain);

  using Part = std::function<void(Message&)>;
  [[nodiscard]] const std::vector<Part>& parts() const { return parts_; }

 private:
  NftRule& expression(const char* name, const std::function<void(Message&)>& fill);
  NftRule& verdict(int32_t code, const std::string& chain = {});
  NftRule& compare(uint32_t op, const void* bytes, size_t length);
  NftRule& bits_of(const void* mask, size_t length);
  NftRule& protocol_is(base::Family family);
  NftRule& address_within(uint32_t offset, const base::IpNet& net, bool is_within);
  NftFamily family_;
  std::vector<Part> parts_;
};

/// Gathers changes and applies all or none of them.
class NftTransaction {
 public:
  explicit NftTransaction(NftTable table) : table_(std::move(table)) {}
  void ensure_table(const std::string& comment = {});
  /// With all that is in it.
  void delete_table();
  void ensure_chain(const std::string& chain, const std::string& comment = {});
  void ensure_base_chain(const std::string& chain, const NftHook& hook, const std::string& comment = {});
  void flush_chain(const std::string& chain);
  void delete_chain(const std::string& chain);
  void add_rule(const std::string& chain, const NftRule& rule, const std::string& comment = {});
  void delete_rule(const std::string& chain, uint64_t handle);
  [[nodiscard]] bool empty() const { return changes_.empty(); }

  /// False when something that a change refers to is not there (ENOENT); nothing is changed then.
  /// Throws NetlinkError for any other refusal.
  bool commit(NetlinkSocket& socket, const std::string& doing);

 private:
  Message& change(int type, int flags, const std::string& what);
  NftTable table_;
  std::vector<Message> changes_;
  std::vector<std::string> descriptions_;
};

struct NftRuleInfo {
  uint64_t handle = 0;
  std::string comment;
  std::string expressions;     ///< as the kernel encodes them, for comparing and searching
  std::string verdict;         ///< "accept", "drop", "reject", "return", "jump", "goto"; empty: another
  std::string target;          ///< of a jump or goto
  bool unconditional = false;  ///< its verdict holds for every packet
  bool operator==(const NftRuleInfo&) const = default;
  /// True if some test in it compares with just these bytes.
  [[nodiscard]] bool compares_with(std::string_view bytes) const;
};

/// The rules of a chain; none when table or chain do not exist.
std::vector<NftRuleInfo> nft_rules(NetlinkSocket& socket, const NftTable& table, const std::string& chain);

struct NftChainInfo {
  NftTable table;
  std::string name;
  std::optional<NftHook> hook;  ///< of a base chain
  bool policy_drop = false;     ///< of a base chain: what no rule decides is dropped
  bool operator==(const NftChainInfo&) const = default;
};

/// The chains of all tables, or of those of one family.
std::vector<NftChainInfo> nft_chains(NetlinkSocket& socket, std::optional<NftFamily> family = {});

/// nullopt when there is no such chain.
std::optional<NftChainInfo> find_nft_chain(NetlinkSocket& socket, const NftTable& table,
                                           const std::string& chain);

/// A table with its chains and their rules in order. Sets and the like are left out.
struct NftTableInfo {
  uint32_t flags = 0;  ///< NFT_TABLE_F_*: dormant, …
  std::vector<NftChainInfo> chains;
  std::map<std::string, std::vector<NftRuleInfo>> rules;  ///< by chain; no entry for a chain without rules
  bool operator==(const NftTableInfo&) const = default;
};

/// nullopt when there is no such table.
std::optional<NftTableInfo> find_nft_table(NetlinkSocket& socket, const NftTable& table);

}  // namespace netlink
