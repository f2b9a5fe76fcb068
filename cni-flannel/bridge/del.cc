// DEL of the built-in delegate.
#include "cni-flannel/bridge/protection.h"
#include "cni-flannel/bridge/verbs.h"
#include "cni-flannel/filter/mac_spoof_check.h"
#include "cni-flannel/pod/take_down.h"
#include "common/cni/error.h"

namespace flannel::bridge {

void del(const cni::Request& request, const Ipam& ipam) {
  cni::Attempts attempts;
  take_down(request, ipam, attempts,
            [&](const std::optional<std::string>& port) { unprotect_pod(request, port); });
  if (lenient_flag(request.config, "macspoofchk"))
    attempts.run("remove the rules of 'macspoofchk'", [&] { remove_mac_spoof_check(request.attachment); });
  attempts.throw_if_any();
}

}  // namespace flannel::bridge
