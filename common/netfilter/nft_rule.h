// Builds rules of nf_tables. Source: include/uapi/linux/netfilter/nf_tables.h.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "common/base/ip.h"
#include "common/base/mac.h"
#include "common/netfilter/attribute_buffer.h"
#include "common/netfilter/nft_table.h"

namespace netfilter {

/// A rule: tests and a verdict, in the order in which they are called here. A packet for which all tests hold
/// meets the verdict.
class NftRule {
 public:
  /// For a table of `family`. In tables of one protocol, tests of addresses need not test the protocol first.
  explicit NftRule(NftFamily family = NftFamily::inet) : family_(family) {}

  /// `ip saddr address`, or ip6.
  NftRule& source_is(const base::IpAddress& address);
  /// `ip saddr net`, or ip6; `!= net` unless `is_within`.
  NftRule& source(const base::IpNet& net, bool is_within);
  NftRule& destination(const base::IpNet& net, bool is_within);
  /// `iifname name`.
  NftRule& input_interface_is(const std::string& name);
  /// `ether saddr mac`.
  NftRule& ethernet_source_is(const base::MacAddress& mac);
  /// `udp dport port`.
  NftRule& udp_port_is(uint16_t port);
  /// `meta mark & mask == value`.
  NftRule& mark_is(uint32_t value, uint32_t mask);

  /// `meta time < end`, by the system's clock.
  NftRule& before(std::chrono::sys_seconds end);

  NftRule& counter();
  /// Keeps the source port where it can, or chooses it at random if `fully_random`.
  NftRule& masquerade(bool fully_random = false);
  NftRule& accept();
  NftRule& drop();
  NftRule& return_();
  NftRule& jump(const std::string& chain);
  NftRule& goto_(const std::string& chain);

  /// The rule as the attribute NFTA_RULE_EXPRESSIONS carries it.
  [[nodiscard]] const std::string& expressions() const { return expressions_.bytes(); }

 private:
  template <class Fill>
  NftRule& expression(const char* name, Fill&& fill);
  NftRule& load_meta(uint32_t key);
  NftRule& load_payload(uint32_t header, uint32_t offset, uint32_t length);
  NftRule& keep_bits(const void* mask, size_t length);
  NftRule& compare(uint32_t op, const void* bytes, size_t length);
  NftRule& protocol_is(base::Family family);
  NftRule& address_within(uint32_t offset, const base::IpNet& net, bool is_within);
  NftRule& verdict(int32_t code, const std::string& chain = {});
  void put_data(int type, const void* bytes, size_t length);

  NftFamily family_;
  AttributeBuffer expressions_;
};

}  // namespace netfilter
