// The result object of ADD, in the form of every spec version (CNI spec 1.1.0, section 5).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/ip.h"
#include "common/json/json.h"

namespace cni {

struct Interface {
  std::string name;
  std::string mac;      ///< empty if unknown
  uint32_t mtu = 0;     ///< bytes; 0 if unknown. Printed from 1.1.0 on
  std::string sandbox;  ///< netns path; empty for an interface of the host
  std::string socket_path, pci_id;
};

struct IpConfig {
  base::IpNet address;  ///< the interface's address with its network's prefix length
  std::optional<base::IpAddress> gateway = {};
  std::optional<int> interface = {};  ///< index into Result::interfaces
};

struct Route {
  base::IpNet dst;
  std::optional<base::IpAddress> gw;
  uint32_t mtu = 0, advmss = 0;  ///< 0: not set
  uint32_t priority = 0;
  std::optional<uint32_t> table, scope;  ///< 0 is a value
};

struct Dns {
  std::vector<std::string> nameservers;
  std::string domain;
  std::vector<std::string> search, options;
  [[nodiscard]] bool empty() const {
    return nameservers.empty() && domain.empty() && search.empty() && options.empty();
  }
};

struct Result {
  std::vector<Interface> interfaces;
  std::vector<IpConfig> ips;
  std::vector<Route> routes;
  Dns dns;

  /// The result in the form of `version`, keys in the order of the spec. Throws
  /// Error(invalid_config) when that form cannot hold it (0.2.0 and older need an address).
  [[nodiscard]] json::OrderedValue to_json(std::string_view version) const;

  /// Reads a result. Its own cniVersion decides the form; without one it has the form of `version`.
  /// Throws Error(decoding_failure), also when the two belong to different families of forms.
  static Result parse(const json::Value& object, std::string_view version);
};

/// Reads one route object of a configuration or result. Throws Error(decoding_failure) or base::ParseError;
/// `where` is its path for the message.
Route parse_route(const json::Value& object, std::string_view where);
/// Reads the `dns` object of a configuration or result. Throws base::ParseError.
Dns parse_dns(const json::Value& object, std::string_view where);

}  // namespace cni
