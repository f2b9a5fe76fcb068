// DEL of the built-in delegate.
#include <fmt/format.h>

#include "cni-flannel/bridge/conf.h"
#include "cni-flannel/bridge/protection.h"
#include "cni-flannel/bridge/remove_pair.h"
#include "cni-flannel/bridge/verbs.h"
#include "cni-flannel/filter/mac_spoof_check.h"
#include "cni-flannel/filter/masquerade.h"
#include "common/base/text.h"
#include "common/cni/error.h"

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

}  // namespace

void del(const cni::Request& request, const Ipam& ipam) {
  cni::Attempts attempts;
  std::optional<std::string> port;
  attempts.run(fmt::format("remove interface {}", base::quoted(request.attachment.ifname)),
               [&] { port = remove_pair(request); });
  // An address must not go to another container while the interface that has it is up. Its entries go before
  // it can be another's.
  if (attempts.all_succeeded())
    attempts.run("remove what protects others from the pod", [&] { unprotect_pod(request, port); });
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
