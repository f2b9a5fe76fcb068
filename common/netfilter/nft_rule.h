// Builds rules of nf_tables. Source: include/uapi/linux/netfilter/nf_tables.h.
#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "common/base/ip.h"
#include "common/base/mac.h"
#include "common/netfilter/attribute_buffer.h"
#include "common/netfilter/nft_table.h"

namespace netfilter {

/// What of a packet may be looked up in a set.
enum class NftField : uint8_t {
  input_index,  ///< of the interface that it came in by
  source_v4,
  source_v6,
  destination_v4,
  destination_v6,
  arp_sender,  ///< the IPv4 address of who sends it
  arp_target,  ///< the IPv4 address that it is about
  nd_target    ///< the IPv6 address that a neighbour solicitation or advertisement is about; test its type
               ///< first
};

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
  /// `iifname name`; `!= name` unless `is`.
  NftRule& input_interface_is(const std::string& name, bool is = true);
  /// `iifname "prefix*"`; `!=` unless `is`. The prefix is not empty.
  NftRule& input_interface_begins(const std::string& prefix, bool is = true);
  /// `iifgroup group`; `!= group` unless `is`.
  NftRule& input_group_is(uint32_t group, bool is = true);
  /// `oifname name`; `!= name` unless `is`.
  NftRule& output_interface_is(const std::string& name, bool is = true);
  /// `ether saddr mac`.
  NftRule& ethernet_source_is(const base::MacAddress& mac);
  /// `meta protocol type`, an ETH_P_*: of what is behind an Ethernet header and one VLAN tag.
  NftRule& ether_type_is(uint16_t type);
  /// `arp operation operation`, an ARPOP_*.
  NftRule& arp_operation_is(uint16_t operation);
  /// `meta l4proto protocol`, an IPPROTO_*; `!= protocol` unless `is`.
  NftRule& transport_is(uint8_t protocol, bool is = true);
  /// The first byte of the transport's header: `icmpv6 type`, `igmp type`. Test the transport first.
  NftRule& type_is(uint8_t type);
  /// `arp saddr ip address`.
  NftRule& arp_sender_is(const base::IpAddress& address);
  /// Whether a neighbour solicitation or advertisement is about an address of an IPv6 network. Test the type
  /// first.
  NftRule& nd_target(const base::IpNet& net);
  /// `udp sport port`.
  NftRule& udp_source_is(uint16_t port);
  /// `udp sport < port`. Test that it is UDP first.
  NftRule& udp_source_below(uint16_t port);
  /// `udp dport port`.
  NftRule& udp_port_is(uint16_t port);
  /// `tcp dport port`, or of another transport, an IPPROTO_*.
  NftRule& port_is(uint8_t protocol, uint16_t port);
  /// `fib daddr type local`: the destination is an address of this node.
  NftRule& destination_is_local();
  /// `fib saddr . iif oif missing`: packets to its source would not leave by the link by which it came.
  NftRule& source_is_routed_elsewhere();
  /// `field @set`, several as `field . field @set`; `!= @set` unless `is_in`. The order is that of the set's
  /// types.
  NftRule& in_set(const std::string& set, std::initializer_list<NftField> fields, bool is_in = true);
  /// `ct state new`.
  NftRule& connection_is_new();
  /// `-m conntrack --ctstate RELATED,ESTABLISHED` of iptables, whose tables have it as a match of its own:
  /// there iptables cannot read `ct state`.
  NftRule& iptables_connection_is_known();
  /// `limit rate per_second/second burst burst packets`: holds for as many packets.
  NftRule& limit(uint32_t per_second, uint32_t burst);
  /// `meta mark & mask == value`.
  NftRule& mark_is(uint32_t value, uint32_t mask);

  /// `meta time < end`, by the system's clock.
  NftRule& before(std::chrono::sys_seconds end);

  NftRule& counter();
  /// `dnat to address:port`.
  NftRule& destination_nat(const base::IpAddress& address, uint16_t port);
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
  NftRule& load_meta(uint32_t key, uint32_t destination = kFirstRegister);
  NftRule& load_payload(uint32_t header, uint32_t offset, uint32_t length,
                        uint32_t destination = kFirstRegister);
  size_t load_field(NftField field, uint32_t destination);
  NftRule& keep_bits(const void* mask, size_t length);
  NftRule& compare(uint32_t op, const void* bytes, size_t length);
  NftRule& protocol_is(base::Family family);
  NftRule& protocol_of(NftField field);
  NftRule& interface_is(uint32_t key, const std::string& name, bool is = true);
  NftRule& udp_has(uint32_t offset, uint16_t port);
  NftRule& address_within(uint32_t offset, const base::IpNet& net, bool is_within);
  NftRule& bytes_within(uint32_t header, uint32_t offset, const base::IpNet& net, bool is_within);
  NftRule& verdict(int32_t code, const std::string& chain = {});
  void put_data(int type, const void* bytes, size_t length);

  static constexpr uint32_t kFirstRegister = 8;  // NFT_REG32_00: of those with four bytes

  NftFamily family_;
  AttributeBuffer expressions_;
};

}  // namespace netfilter
