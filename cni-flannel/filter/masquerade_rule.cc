#include "cni-flannel/filter/masquerade_rule.h"

#include <algorithm>

namespace flannel {

std::vector<MasqueradeRule> make_masquerade_rules(const std::vector<base::IpNet>& addresses,
                                                  const std::vector<base::IpNet>& networks) {
  std::vector<MasqueradeRule> rules;
  for (const base::IpNet& address : addresses) {
    std::vector<base::IpNet> wanted{address.network()};
    for (const base::IpNet& network : networks)
      if (network.address.family() == address.address.family()) wanted.push_back(network.network());
    // The wide ones first, so that those within them are found to be spared already.
    std::stable_sort(wanted.begin(), wanted.end(),
                     [](const base::IpNet& a, const base::IpNet& b) { return a.prefix < b.prefix; });
    MasqueradeRule rule{.source = address.address, .unchanged = {}};
    for (const base::IpNet& network : wanted)
      if (std::none_of(rule.unchanged.begin(), rule.unchanged.end(),
                       [&](const base::IpNet& spared) { return spared.overlaps(network); }))
        rule.unchanged.push_back(network);
    rules.push_back(std::move(rule));
  }
  return rules;
}

}  // namespace flannel
