// A node's lease: the subnets that it holds and how to reach it, in the form that Go flanneld stores. Knows
// names and values of entries, but no store, no clock and no kernel.
#pragma once

#include <chrono>
#include <compare>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/ip.h"
#include "flanneld/lease/network_config.h"

namespace flanneld {

/// The subnets of one lease: what names it in the store.
struct LeaseKey {
  std::optional<base::IpNet> subnet;  ///< absent in a cluster without IPv4
  std::optional<base::IpNet> ipv6_subnet;

  auto operator<=>(const LeaseKey&) const = default;

  [[nodiscard]] const std::optional<base::IpNet>& of(base::Family family) const {
    return family == base::Family::v4 ? subnet : ipv6_subnet;
  }
  /// True if one of the subnets is the same; a node that turns to dual stack changes its key so.
  [[nodiscard]] bool shares_subnet(const LeaseKey& other) const;

  /// Reads "10.5.34.0-24" or "10.5.34.0-24&fd00:10:5::-64" as upstream does: anything may precede,
  /// the lengths are at most 31 and 127, host bits are kept. "0.0.0.0-0" stands for no IPv4 subnet.
  /// nullopt for all else. A name other than format() of the answer was not written by a flanneld.
  static std::optional<LeaseKey> parse(std::string_view name);
  /// The last component of the store's key.
  [[nodiscard]] std::string format() const;
  /// "10.5.34.0/24" or "10.5.34.0/24 and fd00:10:5::/64", for people.
  [[nodiscard]] std::string str() const;
};

/// What is longer is no lease: a node publishes some hundred bytes.
inline constexpr size_t kMaxLeaseBytes = 4096;

/// What a node publishes about itself.
struct LeaseAttributes {
  base::IpAddress public_ip;  ///< 0.0.0.0: none
  std::optional<base::IpAddress> public_ipv6;
  std::string backend_type;     ///< empty for udp and alloc
  std::string backend_data;     ///< JSON text in the shape of the backend; empty: none
  std::string backend_v6_data;  ///< likewise for IPv6

  bool operator==(const LeaseAttributes&) const = default;

  /// Reads the stored JSON with Go's rules. Throws base::ParseError naming the key.
  static LeaseAttributes parse(std::string_view text);
  /// The JSON that upstream writes, byte for byte.
  [[nodiscard]] std::string format() const;
};

/// How long a lease lives without a renewal, as upstream's.
inline constexpr std::chrono::seconds kLeaseTime = std::chrono::hours(24);

struct Lease {
  LeaseKey key;
  LeaseAttributes attributes;
  std::optional<std::chrono::sys_seconds> expiry;  ///< nullopt: a reservation, which never expires

  bool operator==(const Lease&) const = default;
};

/// The public address that a node is known by: the IPv4 one, or the IPv6 one if there is no other.
/// 0.0.0.0 if there is none.
base::IpAddress node_address(const LeaseAttributes& attributes);

/// True if both have the same public address.
bool is_same_node(const LeaseAttributes& a, const LeaseAttributes& b);

/// Why a peer's lease must not reach the kernel; nullopt if it may. Judges the families that `config`
/// enables, and conflicts with `own` unless that is null. A missing address is no fault: the backend says
/// whether it needs one.
std::optional<std::string> find_fault(const Lease& peer, const NetworkConfig& config, const Lease* own);

}  // namespace flanneld
