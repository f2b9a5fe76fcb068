// What a rule tests, out of the expressions that the kernel shows (include/uapi/linux/netfilter/nf_tables.h).
#include <netinet/in.h>  // before the kernel's headers, which then leave its types alone

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/xt_conntrack.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>

#include "common/netfilter/nft_message.h"
#include "common/netfilter/nft_query.h"

namespace netfilter {
namespace {

using Field = NftTest::Field;
using netlink::Attributes;

std::string data_value(const Attributes& attributes, int type) {
  return std::string(attributes.nested(type).bytes(NFTA_DATA_VALUE));
}

/// Follows what is in the registers from one expression to the next. The tools use one register per test.
class TestReader {
 public:
  void read(const std::string& name, const Attributes& data) {
    if (name == "meta" || name == "payload") {
      loaded_ = name == "meta" ? from_meta(data) : from_payload(data);
    } else if (name == "ct") {
      loaded_ = {};
      const uint32_t key = be32(data, NFTA_CT_KEY);
      if (key == NFT_CT_STATE) loaded_.field = Field::conntrack_state;
      if (key == NFT_CT_STATUS) loaded_.field = Field::conntrack_status;
    } else if (name == "lookup") {
      tests_.emplace_back(loaded_).in_set = true;
    } else if (name == "match") {
      read_match(data.string(NFTA_MATCH_NAME), data.bytes(NFTA_MATCH_INFO));
    } else if (name == "bitwise") {
      loaded_.mask = data_value(data, NFTA_BITWISE_MASK);
    } else if (name == "cmp") {
      const uint32_t op = be32(data, NFTA_CMP_OP);
      if (op == NFT_CMP_EQ || op == NFT_CMP_NEQ || op == NFT_CMP_GTE)
        add(data_value(data, NFTA_CMP_DATA), op == NFT_CMP_EQ);
    } else if (name == "range") {
      add(data_value(data, NFTA_RANGE_FROM_DATA), false);
    }
  }
  std::vector<NftTest> take() { return std::move(tests_); }

 private:
  static NftTest from_meta(const Attributes& data) {
    NftTest test;
    const uint32_t key = be32(data, NFTA_META_KEY);
    if (key == NFT_META_IIFNAME) test.field = Field::input_interface;
    if (key == NFT_META_OIFNAME) test.field = Field::output_interface;
    if (key == NFT_META_IIF) test.field = Field::input_index;
    if (key == NFT_META_NFPROTO) test.field = Field::family;
    if (key == NFT_META_L4PROTO) test.field = Field::protocol;
    return test;
  }

  static NftTest from_payload(const Attributes& data) {
    NftTest test;
    const uint32_t base = be32(data, NFTA_PAYLOAD_BASE);
    if (base == NFT_PAYLOAD_NETWORK_HEADER) test.field = Field::network_header;
    if (base == NFT_PAYLOAD_TRANSPORT_HEADER) test.field = Field::transport_header;
    test.offset = be32(data, NFTA_PAYLOAD_OFFSET);
    return test;
  }

  /// iptables' own matches, as its nf_tables variant keeps them: include/uapi/linux/netfilter/xt_conntrack.h.
  void read_match(const std::string& name, std::string_view info) {
    constexpr size_t kFlags = 146, kInverted = 148, kStates = 150;
    if (name != "conntrack" || info.size() < kStates + 2) return;
    const auto number = [&](size_t place) {
      uint16_t value = 0;
      std::memcpy(&value, info.data() + place, sizeof value);
      return value;
    };
    if ((number(kFlags) & XT_CONNTRACK_STATE) == 0 || (number(kInverted) & XT_CONNTRACK_STATE) != 0) return;
    NftTest& test = tests_.emplace_back();
    test.field = Field::conntrack_state;
    test.mask = info.substr(kStates, 2);
    test.is_equal = false;
  }

  void add(std::string value, bool is_equal) {
    NftTest& test = tests_.emplace_back(loaded_);
    test.value = std::move(value);
    test.is_equal = is_equal;
  }

  NftTest loaded_;
  std::vector<NftTest> tests_;
};

size_t ones(std::string_view mask) {
  size_t count = 0;
  for (const char byte : mask) count += static_cast<size_t>(std::popcount(static_cast<unsigned char>(byte)));
  return count;
}

/// True if the bits that the test compares are the network's prefix. Tests of a range's first address compare
/// all bits.
bool is_network(const NftTest& test, const base::IpNet& net) {
  const base::IpNet network = net.network();
  const std::string_view address(reinterpret_cast<const char*>(network.address.data()), net.address.size());
  if (test.value.empty() || test.value != address.substr(0, test.value.size())) return false;
  const size_t compared = test.mask.empty() ? 8 * test.value.size() : ones(test.mask);
  return compared == net.prefix || test.value.size() == address.size();
}

}  // namespace

std::vector<NftTest> NftRuleInfo::tests() const {
  TestReader reader;
  for_each_expression(expressions,
                      [&](const std::string& name, const Attributes& data) { reader.read(name, data); });
  return reader.take();
}

std::optional<std::string> NftRuleInfo::input_interface() const {
  for (const NftTest& test : tests()) {
    const size_t end = test.value.find('\0');  // without it the name is a prefix
    if (test.field == Field::input_interface && test.is_equal && end != std::string::npos)
      return test.value.substr(0, end);
  }
  return std::nullopt;
}

bool NftRuleInfo::names_interface(std::string_view name) const {
  const auto all = tests();
  return std::any_of(all.begin(), all.end(), [&](const NftTest& test) {
    if (test.in_set || (test.field != Field::input_interface && test.field != Field::output_interface))
      return false;
    const std::string_view value = test.value;
    const size_t end = value.find('\0');
    return end == std::string_view::npos ? name.starts_with(value) : name == value.substr(0, end);
  });
}

std::optional<base::IpAddress> NftRuleInfo::nat_address() const {
  std::map<uint32_t, std::string> registers;
  std::optional<base::IpAddress> address;
  for_each_expression(expressions, [&](const std::string& name, const Attributes& data) {
    if (name == "immediate")
      registers[be32(data, NFTA_IMMEDIATE_DREG)] = data_value(data, NFTA_IMMEDIATE_DATA);
    if (name != "nat") return;
    const std::string& bytes = registers[be32(data, NFTA_NAT_REG_ADDR_MIN)];
    address = base::IpAddress::from_bytes(bytes.data(), bytes.size());
  });
  return address;
}

std::optional<base::IpNet> NftTest::source(base::Family family) const {
  const size_t size = family == base::Family::v4 ? 4 : 16;
  if (field != Field::network_header || offset != (size == 4 ? 12 : 8) || in_set) return std::nullopt;
  if (value.empty() || value.size() > size) return std::nullopt;
  std::string bytes = value;  // of a prefix of whole bytes only these are compared
  bytes.resize(size);
  const auto address = base::IpAddress::from_bytes(bytes.data(), size);
  if (!address) return std::nullopt;
  return base::IpNet{*address, static_cast<uint8_t>(mask.empty() ? 8 * value.size() : ones(mask))};
}

bool NftRuleInfo::names_network(const base::IpNet& net) const {
  const uint32_t source = net.address.is_v4() ? 12 : 8, destination = net.address.is_v4() ? 16 : 24;
  const auto all = tests();
  return std::any_of(all.begin(), all.end(), [&](const NftTest& test) {
    return test.field == Field::network_header && (test.offset == source || test.offset == destination) &&
           is_network(test, net);
  });
}

}  // namespace netfilter
