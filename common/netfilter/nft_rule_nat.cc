// Expressions that translate addresses, and what rules that do look at.
#include <netinet/in.h>  // before the kernel's headers, which then leave its types alone

#include <endian.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/rtnetlink.h>

#include "common/netfilter/nft_rule.h"
#include "common/netfilter/nft_rule_expression.h"

namespace netfilter {

NftRule& NftRule::port_is(uint8_t protocol, uint16_t port) {
  const uint16_t wire = htobe16(port);
  return transport_is(protocol)
      .load_payload(NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2)  // behind the source port, whichever the protocol
      .compare(NFT_CMP_EQ, &wire, sizeof wire);
}

NftRule& NftRule::destination_is_local() {
  const uint32_t local = RTN_LOCAL;
  return expression("fib",
                    [&] {
                      expressions_.put_be32(NFTA_FIB_DREG, kFirstRegister)
                          .put_be32(NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE)
                          .put_be32(NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
                    })
      .compare(NFT_CMP_EQ, &local, sizeof local);
}

NftRule& NftRule::source_is_routed_elsewhere() {
  const uint32_t found = 0;
  return expression("fib",
                    [&] {
                      expressions_.put_be32(NFTA_FIB_DREG, kFirstRegister)
                          .put_be32(NFTA_FIB_RESULT, NFT_FIB_RESULT_OIF)
                          .put_be32(NFTA_FIB_FLAGS, NFTA_FIB_F_SADDR | NFTA_FIB_F_IIF | NFTA_FIB_F_PRESENT);
                    })
      .compare(NFT_CMP_EQ, &found, sizeof found);
}

NftRule& NftRule::destination_nat(const base::IpAddress& address, uint16_t port) {
  const uint16_t wire = htobe16(port);
  const uint32_t port_register = kFirstRegister + static_cast<uint32_t>(address.size()) / 4;
  const auto load = [&](uint32_t destination, const void* bytes, size_t length) {
    expression("immediate", [&] {
      expressions_.put_be32(NFTA_IMMEDIATE_DREG, destination);
      put_data(NFTA_IMMEDIATE_DATA, bytes, length);
    });
  };
  load(kFirstRegister, address.data(), address.size());
  load(port_register, &wire, sizeof wire);
  return expression("nat", [&] {
    expressions_.put_be32(NFTA_NAT_TYPE, NFT_NAT_DNAT)
        .put_be32(NFTA_NAT_FAMILY, address.is_v4() ? NFPROTO_IPV4 : NFPROTO_IPV6)
        .put_be32(NFTA_NAT_REG_ADDR_MIN, kFirstRegister)
        .put_be32(NFTA_NAT_REG_PROTO_MIN, port_register);
  });
}

NftRule& NftRule::masquerade(bool fully_random) {
  return expression("masq", [&] {
    if (fully_random) expressions_.put_be32(NFTA_MASQ_FLAGS, NF_NAT_RANGE_PROTO_RANDOM_FULLY);
  });
}

}  // namespace netfilter
