#include "flanneld/agent/routed_pods.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/guard/routed.h"
#include "common/netfilter/nft_socket.h"
#include "common/netlink/link.h"

namespace flanneld {
namespace {

bool has_routed_pods(netlink::NetlinkSocket& socket) {
  const auto links = netlink::all_links(socket);
  return std::any_of(links.begin(), links.end(),
                     [](const netlink::Link& link) { return link.group == guard::kRoutedGroup; });
}

}  // namespace

std::optional<std::string> RoutedPods::look(netlink::NetlinkSocket& socket) try {
  auto nft = netfilter::open_nft_socket();
  const bool has_rules = nft && guard::has_routed_rules(*nft);
  // ADD makes the rules before the pod's link.
  const bool may_lack = std::exchange(is_first_look_, false) || any_;
  any_ = has_rules || (may_lack && has_routed_pods(socket));
  if (has_rules || !any_ || !nft) return std::nullopt;
  if (heal_ == Heal::no)
    return "the rules that keep pods without a bridge to their own addresses are missing, and --heal is off: "
           "restart flanneld with --heal";
  if (!guard::ensure_routed_rules(*nft))
    return std::nullopt;  // a kernel that cannot have them, as doctor says
  ++repairs_;
  base::log_warning(
      "somebody removed the rules that keep pods without a bridge to their own addresses: made again");
  return std::nullopt;
} catch (const base::SystemError& error) {
  return fmt::format("guard pods without a bridge: {}", error.what());
}

}  // namespace flanneld
