#include "flanneld/store/contest.h"

#include <fmt/format.h>

#include "common/base/error.h"

namespace flanneld {

std::string describe_contest(const Lease& own, const LeaseAttributes& written) {
  const base::IpAddress address = node_address(written);
  if (!is_same_node(own.attributes, written))
    return fmt::format("the node {} has written to this node's lease {}", address, own.key.str());
  return fmt::format(
      "another node writes to this node's lease {} and has the same public address {}{}: give each node an "
      "address of its own, by --public-ip if they share one",
      own.key.str(), address,
      written == own.attributes ? " and the same backend data, as a clone of this machine has" : "");
}

std::string describe_contest(const Lease& own, std::string_view written) {
  try {
    return describe_contest(own, LeaseAttributes::parse(written));
  } catch (const base::ParseError& error) {
    return fmt::format("somebody has written to this node's lease {} what is none: {}", own.key.str(),
                       error.what());
  }
}

}  // namespace flanneld
