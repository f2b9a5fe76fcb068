// The cluster's network configuration, as the operator wrote it under <prefix>/config or in a file: its
// rules, and the values computed from it. Knows neither where the text comes from nor any backend.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/ip.h"
#include "common/json/json.h"

namespace flanneld {

/// What is asked for in one family or in both.
struct Families {
  bool v4 = false, v6 = false;

  bool operator==(const Families&) const = default;
  [[nodiscard]] bool has(base::Family family) const { return family == base::Family::v4 ? v4 : v6; }
  [[nodiscard]] bool any() const { return v4 || v6; }
  /// "v4" or "v6" in any case; nullopt for other text.
  static std::optional<Families> parse(std::string_view text);
};

/// One family's network and the subnets that nodes may take out of it.
struct FamilyConfig {
  base::IpNet network;                  ///< host bits cleared
  uint8_t subnet_len = 0;               ///< prefix length of the subnet that a node takes
  base::IpAddress subnet_min;           ///< base address of the first subnet to give out
  base::IpAddress subnet_max;           ///< base address of the last one
  std::vector<uint8_t> peer_lens = {};  ///< prefix lengths that peers' subnets may have; empty: any

  bool operator==(const FamilyConfig&) const = default;

  /// How many subnets there are from subnet_min to subnet_max; saturates at UINT64_MAX.
  [[nodiscard]] uint64_t subnet_count() const;
  /// The subnet `index` places behind subnet_min; index < subnet_count().
  [[nodiscard]] base::IpNet nth_subnet(uint64_t index) const;
  /// The index of the subnet that holds `address`, which must not be before subnet_min; saturates.
  [[nodiscard]] uint64_t index_of(const base::IpAddress& address) const;
  /// Whether a node may hold `subnet`: right length, aligned, from subnet_min to subnet_max.
  [[nodiscard]] bool allows(const base::IpNet& subnet) const;
  /// Whether a pod may have `address`: false where subnet_min and subnet_max keep a part of the network free.
  /// The first subnet, which is left out anyway, is not kept free by that.
  [[nodiscard]] bool may_be_pods(const base::IpAddress& address) const;
};

struct NetworkConfig {
  std::optional<FamilyConfig> ipv4;     ///< absent when EnableIPv4 is false
  std::optional<FamilyConfig> ipv6;     ///< absent unless EnableIPv6 is true
  std::string backend_type;             ///< lower case; "udp" when there is no Backend at all
  json::Value backend;                  ///< the Backend object with its options; {} when absent
  std::optional<bool> enable_nftables;  ///< nullopt: not said
  std::optional<Families> ip_masq =
      {};  ///< what is masqueraded that leaves the pod network; nullopt: not said
  std::vector<base::IpNet> no_masquerade = {};  ///< but not what goes there

  bool operator==(const NetworkConfig&) const = default;

  [[nodiscard]] const std::optional<FamilyConfig>& of(base::Family family) const {
    return family == base::Family::v4 ? ipv4 : ipv6;
  }

  /// The keys of the top level.
  static std::vector<const char*> keys();
  /// Whether `name`, in upper or lower case, is one of them.
  static bool has_key(std::string_view name);

  /// Peers' subnets may have the lengths of `other`, too: while a cluster turns from one configuration to the
  /// other, some nodes have this one and some that one.
  void take_lengths_of(const NetworkConfig& other);

  /// Who decides on the nodes' subnets. Where the cluster assigns them, lengths and bounds are not read.
  enum class Subnets { chosen, assigned };

  /// Parses, completes and checks. Keys match in any case; unknown ones are ignored, unless they are one of
  /// these misspelt.
  /// Throws base::ParseError naming the key and what it must be.
  static NetworkConfig parse(std::string_view text, Subnets subnets = Subnets::chosen);
};

}  // namespace flanneld
