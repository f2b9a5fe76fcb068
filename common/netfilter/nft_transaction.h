// Changes of nf_tables over netlink: no program is started.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/netfilter/nft_rule.h"
#include "common/netfilter/nft_set.h"
#include "common/netfilter/nft_table.h"
#include "common/netlink/socket.h"

namespace netfilter {

/// Gathers changes of one table; commit() makes all of them or none. Comments and tags longer than 127 bytes
/// are cut.
class NftTransaction {
 public:
  explicit NftTransaction(NftTable table) : table_(std::move(table)) {}

  /// Does nothing where the table exists, as do the next two for their chains.
  void ensure_table(const std::string& comment = {});
  void ensure_chain(const std::string& chain, const std::string& comment = {});
  void ensure_base_chain(const std::string& chain, const NftHook& hook, const std::string& comment = {});
  /// Appends a rule to the chain. A tag says whose it is, to those who ask for NftRuleInfo::tag; nft and
  /// iptables neither show it nor compare it.
  void add_rule(const std::string& chain, const NftRule& rule, const std::string& comment = {},
                const std::string& tag = {});
  /// Puts a rule before all others of the chain.
  void insert_rule(const std::string& chain, const NftRule& rule, const std::string& comment = {});

  /// Makes the set unless it is there.
  void ensure_set(const NftSet& set);
  /// Elements as nft_set.h writes them; those that are there already stay.
  void add_elements(const std::string& set, const std::vector<std::string>& elements);
  /// Each must be there, or the whole transaction fails.
  void delete_elements(const std::string& set, const std::vector<std::string>& elements);
  void flush_set(const std::string& set);
  /// No rule may refer to it.
  void delete_set(const std::string& set);

  /// Deletes the table and everything in it.
  void delete_table();
  void delete_chain(const std::string& chain);
  /// Deletes all rules of the chain.
  void flush_chain(const std::string& chain);
  void delete_rule(const std::string& chain, uint64_t handle);

  [[nodiscard]] bool empty() const { return changes_.empty(); }

  /// Returns false, and changes nothing, if an object that a change refers to does not exist (ENOENT).
  /// Throws NetlinkError for any other refusal. Keep to some hundreds of changes: the socket's buffers bound
  /// what the kernel takes at once.
  /// With the nft_generation() of a moment, also returns false if anybody has changed nf_tables since then.
  bool commit(netlink::NetlinkSocket& socket, const std::string& doing,
              std::optional<uint32_t> generation = {});

 private:
  netlink::Message& change(int type, int flags, std::string what);
  void put_rule(int flags, const std::string& chain, const NftRule& rule, const std::string& comment,
                const std::string& tag);
  void change_elements(int type, int flags, const std::string& set, const std::vector<std::string>& elements);

  NftTable table_;
  std::vector<netlink::Message> changes_;
  std::vector<std::string> descriptions_;
};

}  // namespace netfilter
