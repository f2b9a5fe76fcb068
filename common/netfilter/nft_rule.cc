#include "common/netfilter/nft_rule.h"

#include <netinet/in.h>  // before the kernel's headers, which then leave its types alone

#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <net/if.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "common/netfilter/nft_rule_expression.h"

namespace netfilter {
namespace {

constexpr size_t kWord = 4;  // bytes of a register

constexpr uint32_t kArpSender = 14;  // RFC 826, with Ethernet's addresses
constexpr uint32_t kNdTarget = 8;    // RFC 4861 sections 4.3 and 4.4

// Where the addresses are: RFC 791 section 3.1, RFC 8200 section 3.
uint32_t source_offset(const base::IpNet& net) { return net.address.is_v4() ? 12 : 8; }
uint32_t destination_offset(const base::IpNet& net) { return net.address.is_v4() ? 16 : 24; }

}  // namespace

void NftRule::put_data(int type, const void* bytes, size_t length) {
  expressions_.nest(type, [&] { expressions_.put(NFTA_DATA_VALUE, bytes, length); });
}

NftRule& NftRule::load_meta(uint32_t key, uint32_t destination) {
  return expression("meta",
                    [&] { expressions_.put_be32(NFTA_META_KEY, key).put_be32(NFTA_META_DREG, destination); });
}

NftRule& NftRule::load_payload(uint32_t header, uint32_t offset, uint32_t length, uint32_t destination) {
  return expression("payload", [&] {
    expressions_.put_be32(NFTA_PAYLOAD_DREG, destination)
        .put_be32(NFTA_PAYLOAD_BASE, header)
        .put_be32(NFTA_PAYLOAD_OFFSET, offset)
        .put_be32(NFTA_PAYLOAD_LEN, length);
  });
}

NftRule& NftRule::keep_bits(const void* mask, size_t length) {
  return expression("bitwise", [&] {
    const std::array<uint8_t, 16> zero{};
    expressions_.put_be32(NFTA_BITWISE_SREG, kFirstRegister)
        .put_be32(NFTA_BITWISE_DREG, kFirstRegister)
        .put_be32(NFTA_BITWISE_LEN, static_cast<uint32_t>(length));
    put_data(NFTA_BITWISE_MASK, mask, length);
    put_data(NFTA_BITWISE_XOR, zero.data(), length);
  });
}

NftRule& NftRule::compare(uint32_t op, const void* bytes, size_t length) {
  return expression("cmp", [&] {
    expressions_.put_be32(NFTA_CMP_SREG, kFirstRegister).put_be32(NFTA_CMP_OP, op);
    put_data(NFTA_CMP_DATA, bytes, length);
  });
}

NftRule& NftRule::protocol_is(base::Family family) {
  if (family_ == NftFamily::ip || family_ == NftFamily::ip6) return *this;
  if (family_ == NftFamily::bridge) return ether_type_is(family == base::Family::v4 ? ETH_P_IP : ETH_P_IPV6);
  const uint8_t protocol = family == base::Family::v4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
  return load_meta(NFT_META_NFPROTO).compare(NFT_CMP_EQ, &protocol, sizeof protocol);
}

NftRule& NftRule::address_within(uint32_t offset, const base::IpNet& net, bool is_within) {
  protocol_is(net.address.family());
  return bytes_within(NFT_PAYLOAD_NETWORK_HEADER, offset, net, is_within);
}

NftRule& NftRule::bytes_within(uint32_t header, uint32_t offset, const base::IpNet& net, bool is_within) {
  const base::IpAddress first = net.network().address;
  load_payload(header, offset, static_cast<uint32_t>(first.size()));
  if (net.prefix < first.bits()) {
    std::array<uint8_t, 16> mask{};
    for (size_t bit = 0; bit < net.prefix; ++bit)
      mask[bit / 8] = static_cast<uint8_t>(mask[bit / 8] | 0x80 >> bit % 8);
    keep_bits(mask.data(), first.size());
  }
  return compare(is_within ? NFT_CMP_EQ : NFT_CMP_NEQ, first.data(), first.size());
}

NftRule& NftRule::source(const base::IpNet& net, bool is_within) {
  return address_within(source_offset(net), net, is_within);
}

NftRule& NftRule::source_is(const base::IpAddress& address) {
  return source({address, static_cast<uint8_t>(address.bits())}, true);
}

NftRule& NftRule::destination(const base::IpNet& net, bool is_within) {
  return address_within(destination_offset(net), net, is_within);
}

NftRule& NftRule::mark_is(uint32_t value, uint32_t mask) {
  return load_meta(NFT_META_MARK)
      .keep_bits(&mask, sizeof mask)  // the kernel keeps marks in its own byte order
      .compare(NFT_CMP_EQ, &value, sizeof value);
}

NftRule& NftRule::ether_type_is(uint16_t type) {
  const uint16_t wire = htobe16(type);
  return load_meta(NFT_META_PROTOCOL).compare(NFT_CMP_EQ, &wire, sizeof wire);
}

NftRule& NftRule::arp_operation_is(uint16_t operation) {
  const uint16_t wire = htobe16(operation);
  return load_payload(NFT_PAYLOAD_NETWORK_HEADER, 6, 2).compare(NFT_CMP_EQ, &wire, sizeof wire);
}

NftRule& NftRule::arp_sender_is(const base::IpAddress& address) {
  return ether_type_is(ETH_P_ARP).bytes_within(NFT_PAYLOAD_NETWORK_HEADER, kArpSender,
                                               {address, static_cast<uint8_t>(address.bits())}, true);
}

NftRule& NftRule::nd_target(const base::IpNet& net) {
  return bytes_within(NFT_PAYLOAD_TRANSPORT_HEADER, kNdTarget, net, true);
}

NftRule& NftRule::transport_is(uint8_t protocol, bool is) {
  return load_meta(NFT_META_L4PROTO).compare(is ? NFT_CMP_EQ : NFT_CMP_NEQ, &protocol, sizeof protocol);
}

NftRule& NftRule::type_is(uint8_t type) {
  return load_payload(NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1).compare(NFT_CMP_EQ, &type, sizeof type);
}

NftRule& NftRule::udp_has(uint32_t offset, uint16_t port) {
  const uint16_t wire = htobe16(port);
  return transport_is(IPPROTO_UDP)
      .load_payload(NFT_PAYLOAD_TRANSPORT_HEADER, offset, 2)
      .compare(NFT_CMP_EQ, &wire, sizeof wire);
}

NftRule& NftRule::udp_source_is(uint16_t port) { return udp_has(0, port); }
NftRule& NftRule::udp_port_is(uint16_t port) { return udp_has(2, port); }  // RFC 768: behind the source port

NftRule& NftRule::udp_source_below(uint16_t port) {
  const uint16_t wire = htobe16(port);
  return load_payload(NFT_PAYLOAD_TRANSPORT_HEADER, 0, 2).compare(NFT_CMP_LT, &wire, sizeof wire);
}

NftRule& NftRule::interface_is(uint32_t key, const std::string& name, bool is) {
  std::array<char, IFNAMSIZ> padded{};
  std::memcpy(padded.data(), name.data(), std::min(name.size(), padded.size() - 1));
  return load_meta(key).compare(is ? NFT_CMP_EQ : NFT_CMP_NEQ, padded.data(), padded.size());
}

NftRule& NftRule::input_interface_is(const std::string& name, bool is) {
  return interface_is(NFT_META_IIFNAME, name, is);
}
NftRule& NftRule::input_interface_begins(const std::string& prefix, bool is) {
  return load_meta(NFT_META_IIFNAME).compare(is ? NFT_CMP_EQ : NFT_CMP_NEQ, prefix.data(), prefix.size());
}
NftRule& NftRule::input_group_is(uint32_t group, bool is) {
  return load_meta(NFT_META_IIFGROUP).compare(is ? NFT_CMP_EQ : NFT_CMP_NEQ, &group, sizeof group);
}
NftRule& NftRule::output_interface_is(const std::string& name, bool is) {
  return interface_is(NFT_META_OIFNAME, name, is);
}

/// The test without which the field may not be there.
NftRule& NftRule::protocol_of(NftField field) {
  switch (field) {
    case NftField::input_index:
      return *this;
    case NftField::source_v4:
    case NftField::destination_v4:
      return protocol_is(base::Family::v4);
    case NftField::source_v6:
    case NftField::destination_v6:
      return protocol_is(base::Family::v6);
    case NftField::arp_sender:
    case NftField::arp_target:
      return ether_type_is(ETH_P_ARP);
    case NftField::nd_target:
      return *this;  // a test of the type goes before
  }
  return *this;
}

/// Returns how many bytes of registers it fills.
size_t NftRule::load_field(NftField field, uint32_t destination) {
  const auto load = [&](uint32_t header, uint32_t offset, uint32_t length) -> size_t {
    load_payload(header, offset, length, destination);
    return length;
  };
  switch (field) {
    case NftField::input_index:
      load_meta(NFT_META_IIF, destination);
      return sizeof(uint32_t);
    case NftField::source_v4:
      return load(NFT_PAYLOAD_NETWORK_HEADER, 12, 4);
    case NftField::source_v6:
      return load(NFT_PAYLOAD_NETWORK_HEADER, 8, 16);
    case NftField::destination_v4:
      return load(NFT_PAYLOAD_NETWORK_HEADER, 16, 4);
    case NftField::destination_v6:
      return load(NFT_PAYLOAD_NETWORK_HEADER, 24, 16);
    case NftField::arp_sender:
      return load(NFT_PAYLOAD_NETWORK_HEADER, kArpSender, 4);
    case NftField::arp_target:
      return load(NFT_PAYLOAD_NETWORK_HEADER, 24, 4);
    case NftField::nd_target:
      return load(NFT_PAYLOAD_TRANSPORT_HEADER, kNdTarget, 16);
  }
  return 0;
}

NftRule& NftRule::in_set(const std::string& set, std::initializer_list<NftField> fields, bool is_in) {
  for (const NftField field : fields) protocol_of(field);
  uint32_t destination = kFirstRegister;
  for (const NftField field : fields)
    destination += static_cast<uint32_t>(load_field(field, destination) / kWord);
  return expression("lookup", [&] {
    expressions_.put_string(NFTA_LOOKUP_SET, set).put_be32(NFTA_LOOKUP_SREG, kFirstRegister);
    if (!is_in) expressions_.put_be32(NFTA_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
  });
}

NftRule& NftRule::connection_is_new() {
  const uint32_t state = NF_CT_STATE_BIT(IP_CT_NEW), none = 0;
  return expression(
             "ct",
             [&] { expressions_.put_be32(NFTA_CT_KEY, NFT_CT_STATE).put_be32(NFTA_CT_DREG, kFirstRegister); })
      .keep_bits(&state, sizeof state)
      .compare(NFT_CMP_NEQ, &none, sizeof none);
}

NftRule& NftRule::limit(uint32_t per_second, uint32_t burst) {
  return expression("limit", [&] {
    expressions_.put_be64(NFTA_LIMIT_RATE, per_second)
        .put_be64(NFTA_LIMIT_UNIT, 1)
        .put_be32(NFTA_LIMIT_BURST, burst)
        .put_be32(NFTA_LIMIT_TYPE, NFT_LIMIT_PKTS);
  });
}

NftRule& NftRule::ethernet_source_is(const base::MacAddress& mac) {
  return load_payload(NFT_PAYLOAD_LL_HEADER, 6, 6)  // IEEE 802.3: behind the destination
      .compare(NFT_CMP_EQ, mac.bytes.data(), mac.bytes.size());
}

NftRule& NftRule::before(std::chrono::sys_seconds end) {
  const uint64_t wire =
      htobe64(static_cast<uint64_t>(std::chrono::nanoseconds(end.time_since_epoch()).count()));
  load_meta(NFT_META_TIME_NS);
  expression("byteorder", [&] {  // so that a comparison of bytes is one of numbers
    expressions_.put_be32(NFTA_BYTEORDER_SREG, kFirstRegister)
        .put_be32(NFTA_BYTEORDER_DREG, kFirstRegister)
        .put_be32(NFTA_BYTEORDER_OP, NFT_BYTEORDER_HTON)
        .put_be32(NFTA_BYTEORDER_LEN, sizeof wire)
        .put_be32(NFTA_BYTEORDER_SIZE, sizeof wire);
  });
  return compare(NFT_CMP_LT, &wire, sizeof wire);
}

NftRule& NftRule::counter() {
  return expression("counter", [] {});
}

NftRule& NftRule::verdict(int32_t code, const std::string& chain) {
  return expression("immediate", [&] {
    expressions_.put_be32(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
    expressions_.nest(NFTA_IMMEDIATE_DATA, [&] {
      expressions_.nest(NFTA_DATA_VERDICT, [&] {
        expressions_.put_be32(NFTA_VERDICT_CODE, static_cast<uint32_t>(code));
        if (!chain.empty()) expressions_.put_string(NFTA_VERDICT_CHAIN, chain);
      });
    });
  });
}

NftRule& NftRule::accept() { return verdict(NF_ACCEPT); }
NftRule& NftRule::drop() { return verdict(NF_DROP); }
NftRule& NftRule::return_() { return verdict(NFT_RETURN); }
NftRule& NftRule::jump(const std::string& chain) { return verdict(NFT_JUMP, chain); }
NftRule& NftRule::goto_(const std::string& chain) { return verdict(NFT_GOTO, chain); }

}  // namespace netfilter
