// What the tests of backends make them from.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "flanneld/backend/registry.h"
#include "tests/unit/flanneld/test_support.h"

namespace flanneld_test {

/// What a backend is made from, with a life of its own.
struct BackendNode {
  explicit BackendNode(const std::string& backend, const std::string& more = "")
      : config(flanneld::NetworkConfig::parse(R"({"Network":"10.244.0.0/16","Backend":)" + backend + more +
                                              "}")) {
    external.ifindex = 5;
    external.name = "eth0";
    external.mtu = 1500;
    external.ipv4 = external.public_ipv4 = ip("192.0.2.1");
    external.ipv6 = external.public_ipv6 = ip("2001:db8::1");
  }
  [[nodiscard]] std::unique_ptr<flanneld::Backend> backend() const {
    return flanneld::make_backend({config, external, devices, routes, published});
  }
  flanneld::NetworkConfig config;
  flanneld::ExternalInterface external;
  std::vector<flanneld::Device> devices;
  std::vector<flanneld::HostRoute> routes{{net("192.0.2.0/24"), false}};
  flanneld::LeaseAttributes published;
};

inline const std::string kDual = R"(,"EnableIPv6":true,"IPv6Network":"fd00:10::/48")";
inline std::string failure(const BackendNode& node) {
  return parse_failure([&] { static_cast<void>(node.backend()); });
}

}  // namespace flanneld_test
