// nftables rules over netlink: no program is started and each change is one transaction.
// Source: include/uapi/linux/netfilter/nf_tables.h; comments are stored as the nft tool stores them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/ip.h"
#include "common/base/mac.h"
#include "common/netlink/socket.h"

namespace netlink {

enum class NftFamily : uint8_t { inet, bridge };

struct NftTable {
  NftFamily family = NftFamily::inet;
  std::string name;
};

/// Where a base chain hooks in.
enum class NftHookPoint : uint8_t { prerouting, postrouting };
struct NftHook {
  std::string type;  ///< "nat", "filter"
  NftHookPoint point = NftHookPoint::prerouting;
  int32_t priority = 0;  ///< lower runs first
};

/// The statements of a rule, in order.
class NftRule {
 public:
  /// `ip saddr == address`, or ip6. `daddr` likewise for a network, negated if asked for.
  NftRule& source_is(const base::IpAddress& address);
  NftRule& destination(const base::IpNet& net, bool is_within);
  NftRule& input_interface_is(const std::string& name);
  NftRule& ethernet_source_is(const base::MacAddress& mac);
  NftRule& masquerade();
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
  NftRule& family_is(base::Family family);
  std::vector<Part> parts_;
};

/// Gathers changes and applies all or none of them.
class NftTransaction {
 public:
  explicit NftTransaction(NftTable table) : table_(std::move(table)) {}
  void ensure_table(const std::string& comment = {});
  void ensure_chain(const std::string& chain, const std::string& comment = {});
  void ensure_base_chain(const std::string& chain, const NftHook& hook);
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
};

/// The rules of a chain; none when table or chain do not exist.
std::vector<NftRuleInfo> nft_rules(NetlinkSocket& socket, const NftTable& table, const std::string& chain);

}  // namespace netlink
