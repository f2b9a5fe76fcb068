// The keys conditionsV4 and conditionsV6: tests in the words of iptables or of nft.
#pragma once

#include <vector>

#include "cni-flannel/hostport/mappings.h"
#include "common/json/json.h"

namespace flannel::hostport {

/// Understands the tests of addresses and interfaces: `-s`, `-d`, `-i` with `!` before or behind, and
/// `ip saddr`, `ip6 daddr`, `iifname` with `!=`. Throws cni::Error(unsupported_field) naming any other word.
std::vector<Condition> parse_conditions(const json::Value& config, const char* key, base::Family family);

}  // namespace flannel::hostport
