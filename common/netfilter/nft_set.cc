#include "common/netfilter/nft_set.h"

#include <netinet/in.h>  // before the kernel's headers, which then leave its types alone

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "common/base/text.h"
#include "common/netfilter/nft_message.h"

namespace netfilter {
namespace {

using netlink::Attributes;

constexpr uint32_t kTypeBits = 6;  // of each type in the number of several

size_t length_of(NftType type) {
  switch (type) {
    case NftType::ipv4_addr:
      return 4;
    case NftType::ipv6_addr:
      return 16;
    case NftType::iface_index:
      return sizeof(uint32_t);
  }
  return 0;
}

void read_elements(const nlmsghdr* message, std::vector<std::string>& elements) {
  const std::string_view list = Attributes::of(message, sizeof(nfgenmsg)).bytes(NFTA_SET_ELEM_LIST_ELEMENTS);
  int left = static_cast<int>(list.size());
  for (const auto* one = reinterpret_cast<const nlattr*>(list.data()); nla_ok(one, left);
       one = nla_next(one, &left)) {
    const Attributes element(static_cast<const nlattr*>(nla_data(one)), nla_len(one));
    elements.emplace_back(element.nested(NFTA_SET_ELEM_KEY).bytes(NFTA_DATA_VALUE));
  }
}

}  // namespace

size_t NftSet::key_length() const {
  size_t length = 0;
  for (const NftType type : types) length += length_of(type);
  return length;
}

uint32_t NftSet::key_type() const {
  uint32_t number = 0;
  for (const NftType type : types) number = number << kTypeBits | static_cast<uint32_t>(type);
  return number;
}

std::string NftSet::user_data() const {
  if (types.size() != 1) return {};
  // libnftnl's NFTNL_UDATA_SET_KEYBYTEORDER: a list of type, length and bytes, here a number that says
  // whether elements are in the host's byte order or in the network's.
  constexpr char kByteOrder = 0;
  constexpr uint32_t kHost = 1, kNetwork = 2;
  const uint32_t order = types.front() == NftType::iface_index ? kHost : kNetwork;
  std::string data{kByteOrder, sizeof order};
  return data.append(reinterpret_cast<const char*>(&order), sizeof order);
}

std::string nft_value(const base::IpAddress& address) {
  return {reinterpret_cast<const char*>(address.data()), address.size()};
}

std::string nft_index_value(int ifindex) { return {reinterpret_cast<const char*>(&ifindex), sizeof ifindex}; }

int index_in(std::string_view element) {
  int ifindex = 0;
  if (element.size() >= sizeof ifindex) std::memcpy(&ifindex, element.data(), sizeof ifindex);
  return ifindex;
}

std::optional<base::IpAddress> address_behind_index(std::string_view element) {
  if (element.size() < sizeof(int)) return std::nullopt;
  const std::string_view bytes = element.substr(sizeof(int));
  return base::IpAddress::from_bytes(bytes.data(), bytes.size());
}

std::optional<std::vector<std::string>> nft_elements(netlink::NetlinkSocket& socket, const NftTable& table,
                                                     const std::string& set) {
  netlink::Message question(message_type(NFT_MSG_GETSETELEM), 0);
  append_header(question, protocol_of(table.family));
  question.put_string(NFTA_SET_ELEM_LIST_TABLE, table.name).put_string(NFTA_SET_ELEM_LIST_SET, set);
  std::vector<std::string> elements;
  try {
    socket.dump(
        question, fmt::format("list the elements of set {}", base::quoted(set)), [&] { elements.clear(); },
        [&](const nlmsghdr* message) { read_elements(message, elements); });
  } catch (const netlink::NetlinkError& error) {
    // The kernel without this family, or without nf_tables, cannot have the set either.
    if (const int number = error.error_number();
        number != ENOENT && number != EOPNOTSUPP && number != EINVAL && number != EAFNOSUPPORT)
      throw;
    return std::nullopt;
  }
  return elements;
}

}  // namespace netfilter
