// DEL of the built-in delegate.
#include <fmt/format.h>

#include "cni-flannel/bridge/conf.h"
#include "cni-flannel/bridge/host_veth.h"
#include "cni-flannel/bridge/verbs.h"
#include "cni-flannel/filter/mac_spoof_check.h"
#include "cni-flannel/filter/masquerade.h"
#include "common/base/text.h"
#include "common/cni/error.h"
#include "common/netlink/netns.h"

namespace flannel::bridge {
namespace {

/// Keys as DEL reads them: whatever is wrong with the others must not keep an attachment alive.
bool lenient_flag(const json::Value& config, const char* key) {
  const json::Value* value = json::find(config, key);
  return value && value->is_boolean() && value->get<bool>();
}

MasqueradeBackend lenient_backend(const json::Value& config) {
  const json::Value* value = json::find(config, "ipMasqBackend");
  if (value && *value == "nftables") return MasqueradeBackend::nftables;
  if (value && *value == "iptables") return MasqueradeBackend::iptables;
  return MasqueradeBackend::automatic;
}

/// Removes the interface from within the container's namespace; false when either is absent.
bool remove_container_link(const cni::Request& request) {
  if (request.netns.empty()) return false;
  const auto netns = netlink::Netns::look_up(request.netns).netns;
  if (!netns) return false;
  netlink::NetlinkSocket container = netlink::NetlinkSocket::open_in(*netns);
  return netlink::remove_link(container, request.attachment.ifname);
}

/// For a namespace that is gone, or an interface that was renamed: the host's end takes the other along.
void remove_host_link(const cni::Request& request) {
  netlink::NetlinkSocket host = netlink::NetlinkSocket::open();
  if (const auto veth = find_host_veth(host, request.network, request.attachment))
    netlink::remove_link(host, veth->name);
}

}  // namespace

void del(const cni::Request& request, const Ipam& ipam) {
  cni::Attempts attempts;
  attempts.run(fmt::format("remove interface {}", base::quoted(request.attachment.ifname)), [&] {
    if (!remove_container_link(request)) remove_host_link(request);
  });
  // An address must not go to another container while the interface that has it is up.
  if (attempts.all_succeeded()) attempts.run("release addresses", [&] { ipam.del(request); });
  if (lenient_flag(request.config, "ipMasq"))
    attempts.run("remove masquerade rules", [&] {
      remove_masquerade(lenient_backend(request.config), request.network, request.attachment);
    });
  if (lenient_flag(request.config, "macspoofchk"))
    attempts.run("remove the rules of 'macspoofchk'", [&] { remove_mac_spoof_check(request.attachment); });
  attempts.throw_if_any();
}

}  // namespace flannel::bridge
