// The rules by which an uplink can be asked for: each finds the interfaces, and of their addresses those that
// it settles. Pure.
#pragma once

#include <string>
#include <vector>

#include "common/base/ip.h"
#include "flanneld/node/candidates.h"
#include "flanneld/node/external_interface.h"
#include "flanneld/node/host_network.h"

namespace flanneld {

/// What a rule finds, the best first; not empty.
using Found = std::vector<Candidate>;

class InterfaceRules {
 public:
  /// All must outlive this.
  InterfaceRules(const HostNetwork& host, const InterfaceRequest& request, const Candidates& candidates)
      : host_(host), request_(request), candidates_(candidates) {}

  // Each throws Reject when it finds nothing.

  /// An interface's name or address.
  [[nodiscard]] Found by_text(const std::string& text) const;
  [[nodiscard]] Found by_address(const base::IpAddress& ip) const;
  /// As by_address(), with advice for nodes behind NAT.
  [[nodiscard]] Found by_public(const base::IpAddress& ip) const;
  /// Of the other family, an address of the node's that the same interface has.
  [[nodiscard]] Found by_node_address(const base::IpAddress& ip) const;
  /// Looks at the addresses of all interfaces first, then at names.
  [[nodiscard]] Found by_regex(const std::string& pattern) const;
  /// An address of the other family is one of another --iface-cidr, if there is such a one.
  [[nodiscard]] Found by_cidr(const base::IpNet& cidr) const;
  [[nodiscard]] Found by_reach(const base::IpAddress& target) const;
  [[nodiscard]] Found by_default_route() const;

 private:
  /// The interfaces that have such an address of each family in use.
  template <class Matches>
  [[nodiscard]] Found by_addresses(Matches&& matches) const;
  [[nodiscard]] bool is_wanted(const base::IpAddress& ip, const base::IpNet& cidr) const;
  /// The interfaces of the default routes, that of the one in use first.
  [[nodiscard]] std::vector<const HostInterface*> route_interfaces(base::Family family) const;
  [[nodiscard]] const HostInterface& route_interface(const netlink::Route& route, base::Family family) const;
  void put_known_first(Found& found) const;
  [[nodiscard]] std::vector<base::Family> families() const;
  void check_family(const base::IpAddress& ip) const;

  const HostNetwork& host_;
  const InterfaceRequest& request_;
  const Candidates& candidates_;
};

}  // namespace flanneld
