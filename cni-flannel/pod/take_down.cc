#include "cni-flannel/pod/take_down.h"

#include <fmt/format.h>

#include "cni-flannel/filter/masquerade.h"
#include "cni-flannel/pod/remove_pair.h"
#include "common/base/text.h"

namespace flannel {
namespace {

MasqueradeBackend lenient_backend(const json::Value& config) {
  const json::Value* value = json::find(config, "ipMasqBackend");
  if (value && *value == "nftables") return MasqueradeBackend::nftables;
  if (value && *value == "iptables") return MasqueradeBackend::iptables;
  return MasqueradeBackend::automatic;
}

}  // namespace

bool lenient_flag(const json::Value& config, const char* key) {
  const json::Value* value = json::find(config, key);
  return value && value->is_boolean() && value->get<bool>();
}

void take_down(const cni::Request& request, const Ipam& ipam, cni::Attempts& attempts,
               const std::function<void(const std::optional<std::string>&)>& unprotect) {
  std::optional<std::string> port;
  attempts.run(fmt::format("remove interface {}", base::quoted(request.attachment.ifname)),
               [&] { port = remove_pair(request); });
  // An address must not go to another container while the interface that has it is up. Its entries go before
  // it can be another's.
  if (attempts.all_succeeded())
    attempts.run("remove what protects others from the pod", [&] { unprotect(port); });
  if (attempts.all_succeeded()) attempts.run("release addresses", [&] { ipam.del(request); });
  if (lenient_flag(request.config, "ipMasq"))
    attempts.run("remove masquerade rules", [&] {
      remove_masquerade(lenient_backend(request.config), request.network, request.attachment);
    });
}

}  // namespace flannel
