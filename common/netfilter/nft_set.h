// Sets of nf_tables: what their elements are made of, and how each is written.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/ip.h"
#include "common/netfilter/nft_table.h"
#include "common/netlink/socket.h"

namespace netfilter {

/// The numbers by which the nft tool knows the types that its `list` shows by name.
enum class NftType : uint8_t { ipv4_addr = 7, ipv6_addr = 8, iface_index = 20 };

/// A named set. An element of several types has a value of each, side by side. Values of other types than
/// these would have to fill whole words of four bytes too.
struct NftSet {
  std::string name;
  std::vector<NftType> types;

  /// Bytes of an element.
  [[nodiscard]] size_t key_length() const;
  /// The types as one number, for the nft tool.
  [[nodiscard]] uint32_t key_type() const;
  /// What that tool keeps beside a set to show its elements; empty for several types.
  [[nodiscard]] std::string user_data() const;
};

// A value as it is in an element; an element of several types is their concatenation.

std::string nft_value(const base::IpAddress& address);
/// Of the interface with that index.
std::string nft_index_value(int ifindex);

/// The index at the start of an element of type iface_index; 0 when it is too short.
int index_in(std::string_view element);
/// The address behind that index. nullopt when what is there is no address.
std::optional<base::IpAddress> address_behind_index(std::string_view element);

/// The elements of a set, in no order; nullopt when there is no such set. Throws NetlinkError.
std::optional<std::vector<std::string>> nft_elements(netlink::NetlinkSocket& socket, const NftTable& table,
                                                     const std::string& set);

}  // namespace netfilter
