#include "common/netfilter/nftables.h"

#include <netinet/in.h>  // before the kernel's headers, which then leave its types alone

#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>

#include <endian.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "common/netfilter/nft_message.h"

namespace netlink {

using nft::put_data;

namespace {
constexpr uint32_t kRegister = NFT_REG_1;
}  // namespace

NftRule& NftRule::expression(const char* name, const std::function<void(Message&)>& fill) {
  parts_.emplace_back([name = std::string(name), fill](Message& message) {
    message.nest(NFTA_LIST_ELEM, [&] {
      message.put_string(NFTA_EXPR_NAME, name);
      message.nest(NFTA_EXPR_DATA, [&] { fill(message); });
    });
  });
  return *this;
}

NftRule& NftRule::compare(uint32_t op, const void* bytes, size_t length) {
  return expression("cmp",
                    [op, data = std::string(static_cast<const char*>(bytes), length)](Message& message) {
                      message.put_be32(NFTA_CMP_SREG, kRegister).put_be32(NFTA_CMP_OP, op);
                      put_data(message, NFTA_CMP_DATA, data.data(), data.size());
                    });
}

NftRule& NftRule::protocol_is(base::Family family) {
  if (family_ == NftFamily::ip || family_ == NftFamily::ip6) return *this;
  expression("meta", [](Message& message) {
    message.put_be32(NFTA_META_KEY, NFT_META_NFPROTO).put_be32(NFTA_META_DREG, kRegister);
  });
  const uint8_t protocol = family == base::Family::v4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
  return compare(NFT_CMP_EQ, &protocol, sizeof protocol);
}

namespace {
/// Loads a part of the packet into the register.
auto load_payload(uint32_t base, uint32_t offset, uint32_t length) {
  return [=](Message& message) {
    message.put_be32(NFTA_PAYLOAD_DREG, kRegister).put_be32(NFTA_PAYLOAD_BASE, base);
    message.put_be32(NFTA_PAYLOAD_OFFSET, offset).put_be32(NFTA_PAYLOAD_LEN, length);
  };
}
}  // namespace

NftRule& NftRule::bits_of(const void* mask, size_t length) {
  return expression("bitwise",
                    [bits = std::string(static_cast<const char*>(mask), length)](Message& message) {
                      const std::array<uint8_t, 16> zero{};
                      message.put_be32(NFTA_BITWISE_SREG, kRegister)
                          .put_be32(NFTA_BITWISE_DREG, kRegister)
                          .put_be32(NFTA_BITWISE_LEN, static_cast<uint32_t>(bits.size()));
                      put_data(message, NFTA_BITWISE_MASK, bits.data(), bits.size());
                      put_data(message, NFTA_BITWISE_XOR, zero.data(), bits.size());
                    });
}

NftRule& NftRule::address_within(uint32_t offset, const base::IpNet& net, bool is_within) {
  const base::IpAddress first = net.network().address;
  protocol_is(first.family());
  expression("payload",
             load_payload(NFT_PAYLOAD_NETWORK_HEADER, offset, static_cast<uint32_t>(first.size())));
  if (net.prefix < first.bits()) {
    std::array<uint8_t, 16> mask{};
    for (size_t bit = 0; bit < net.prefix; ++bit)
      mask[bit / 8] = static_cast<uint8_t>(mask[bit / 8] | 0x80 >> bit % 8);
    bits_of(mask.data(), first.size());
  }
  return compare(is_within ? NFT_CMP_EQ : NFT_CMP_NEQ, first.data(), first.size());
}

// Where the addresses are: RFC 791 section 3.1, RFC 8200 section 3.

NftRule& NftRule::source(const base::IpNet& net, bool is_within) {
  return address_within(net.address.is_v4() ? 12 : 8, net, is_within);
}

NftRule& NftRule::source_is(const base::IpAddress& address) {
  return source({address, static_cast<uint8_t>(address.bits())}, true);
}

NftRule& NftRule::destination(const base::IpNet& net, bool is_within) {
  return address_within(net.address.is_v4() ? 16 : 24, net, is_within);
}

NftRule& NftRule::mark_is(uint32_t value, uint32_t mask) {
  expression("meta", [](Message& message) {
    message.put_be32(NFTA_META_KEY, NFT_META_MARK).put_be32(NFTA_META_DREG, kRegister);
  });
  bits_of(&mask, sizeof mask);  // the kernel keeps marks in its own byte order
  return compare(NFT_CMP_EQ, &value, sizeof value);
}

NftRule& NftRule::udp_port_is(uint16_t port) {
  expression("meta", [](Message& message) {
    message.put_be32(NFTA_META_KEY, NFT_META_L4PROTO).put_be32(NFTA_META_DREG, kRegister);
  });
  const uint8_t protocol = IPPROTO_UDP;
  compare(NFT_CMP_EQ, &protocol, sizeof protocol);
  expression("payload", load_payload(NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2));  // RFC 768: after the source port
  const uint16_t wire = htobe16(port);
  return compare(NFT_CMP_EQ, &wire, sizeof wire);
}

NftRule& NftRule::counter() {
  return expression("counter", [](Message&) {});
}

NftRule& NftRule::input_interface_is(const std::string& name) {
  expression("meta", [](Message& message) {
    message.put_be32(NFTA_META_KEY, NFT_META_IIFNAME).put_be32(NFTA_META_DREG, kRegister);
  });
  std::array<char, IFNAMSIZ> padded{};
  std::memcpy(padded.data(), name.data(), std::min(name.size(), padded.size() - 1));
  return compare(NFT_CMP_EQ, padded.data(), padded.size());
}

NftRule& NftRule::ethernet_source_is(const base::MacAddress& mac) {
  expression("payload", load_payload(NFT_PAYLOAD_LL_HEADER, 6, 6));  // IEEE 802.3: destination, source
  return compare(NFT_CMP_EQ, mac.bytes.data(), mac.bytes.size());
}

NftRule& NftRule::masquerade(bool fully_random) {
  return expression("masq", [fully_random](Message& message) {
    if (fully_random) message.put_be32(NFTA_MASQ_FLAGS, NF_NAT_RANGE_PROTO_RANDOM_FULLY);
  });
}

NftRule& NftRule::verdict(int32_t code, const std::string& chain) {
  return expression("immediate", [code, chain](Message& message) {
    message.put_be32(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
    message.nest(NFTA_IMMEDIATE_DATA, [&] {
      message.nest(NFTA_DATA_VERDICT, [&] {
        message.put_be32(NFTA_VERDICT_CODE, static_cast<uint32_t>(code));
        if (!chain.empty()) message.put_string(NFTA_VERDICT_CHAIN, chain);
      });
    });
  });
}

NftRule& NftRule::accept() { return verdict(NF_ACCEPT); }
NftRule& NftRule::drop() { return verdict(NF_DROP); }
NftRule& NftRule::return_() { return verdict(NFT_RETURN); }
NftRule& NftRule::jump(const std::string& chain) { return verdict(NFT_JUMP, chain); }
NftRule& NftRule::goto_(const std::string& chain) { return verdict(NFT_GOTO, chain); }

}  // namespace netlink
