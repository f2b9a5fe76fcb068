#include "cni-flannel/filter/masquerade_rule.h"

#include <doctest/doctest.h>

#include <string>

namespace {

std::vector<base::IpNet> nets(const std::vector<std::string>& texts) {
  std::vector<base::IpNet> nets;
  for (const std::string& text : texts) nets.push_back(base::IpNet::parse(text).value());
  return nets;
}

/// "source: network, network; …"
std::string describe(const std::vector<std::string>& addresses, const std::vector<std::string>& networks) {
  std::string text;
  for (const auto& rule : flannel::make_masquerade_rules(nets(addresses), nets(networks)))
    text += fmt::format("{}: {}; ", rule.source, fmt::join(rule.unchanged, ", "));
  return text;
}

}  // namespace

TEST_CASE("an address goes unchanged to the pods of every node and of every network") {
  CHECK(describe({"10.244.1.2/24"}, {"10.244.0.0/16"}) == "10.244.1.2: 10.244.0.0/16; ");
  CHECK(describe({"10.244.1.2/24"}, {"10.244.0.0/16", "10.245.0.0/16"}) ==
        "10.244.1.2: 10.244.0.0/16, 10.245.0.0/16; ");
  CHECK(describe({"10.244.1.2/24", "fd00:1::2/64"}, {"10.244.0.0/16", "fd00::/16"}) ==
        "10.244.1.2: 10.244.0.0/16; fd00:1::2: fd00::/16; ");
}

TEST_CASE("the node's subnet is spared too where no network holds it") {
  CHECK(describe({"10.244.1.2/24"}, {}) == "10.244.1.2: 10.244.1.0/24; ");
  CHECK(describe({"10.9.1.2/24"}, {"10.244.0.0/16"}) == "10.9.1.2: 10.244.0.0/16, 10.9.1.0/24; ");
  CHECK(describe({"10.244.1.2/16"}, {"10.244.0.0/16", "10.244.0.0/16"}) == "10.244.1.2: 10.244.0.0/16; ");
}
