#include "flanneld/commands/doctor_backends.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <vector>

#include "common/base/error.h"
#include "common/netlink/link_kinds.h"
#include "common/netlink/tun.h"

namespace flanneld {

BackendFacts read_backend_facts() {
  return {.link_kinds = netlink::known_link_kinds({"vxlan", "ipip"}), .tun_error = netlink::probe_tun()};
}

Finding check_backends(const BackendFacts& facts) {
  std::vector<std::string> served{"host-gw", "extension", "alloc"}, missing;
  for (const char* kind : {"vxlan", "ipip"}) {
    if (!facts.link_kinds)
      missing.push_back(fmt::format("{} (not known: this process may not try)", kind));
    else if (facts.link_kinds->contains(kind))
      served.emplace_back(kind);
    else
      missing.push_back(fmt::format("{} (the kernel has none, unless `modprobe {}` finds it)", kind, kind));
  }
  if (facts.tun_error == 0)
    served.emplace_back("udp");
  else
    missing.push_back(
        fmt::format("udp (/dev/net/tun: {}; see `modprobe tun`)", base::errno_text(facts.tun_error)));
  std::string finding = fmt::format("this node can serve {}", fmt::join(served, ", "));
  if (!missing.empty()) finding = fmt::format("{}; not {}", finding, fmt::join(missing, ", "));
  return {.state = Finding::State::ok, .name = "backends", .finding = std::move(finding)};
}

}  // namespace flanneld
