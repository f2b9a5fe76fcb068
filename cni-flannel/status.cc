#include "cni-flannel/bridge/conf.h"
#include "cni-flannel/conf.h"
#include "cni-flannel/bridge/ipam.h"
#include "cni-flannel/verbs.h"
#include "common/cni/delegate.h"
#include "common/cni/error.h"

namespace flannel {
namespace {

/// Whatever would make ADD fail makes STATUS say "not available"; a code of the spec's is kept.
template <class Action>
void require(Action&& action) {
  try {
    action();
  } catch (...) {
    const cni::Error error = cni::current_error();
    const bool is_status = error.code() == cni::ErrorCode::not_available ||
                           error.code() == cni::ErrorCode::not_available_limited;
    throw cni::Error(is_status ? error.code() : cni::ErrorCode::not_available, error.what(), error.details());
  }
}

}  // namespace

void status(const cni::Request& request) {
  const FlannelConf conf = parse_flannel_conf(request);
  require([&] {
    const cni::Request delegated =
        request.with_config(render_delegate(conf, load_subnet_env(conf.subnet_file), request));
    if (conf.delegate_type() == kBuiltInDelegate) {
      parse_bridge_conf(delegated);
      Ipam::configured(conf.ipam_type(), request).status(delegated);
    } else {
      cni::run_delegate(conf.delegate_type(), "STATUS", delegated);
    }
  });
}

}  // namespace flannel
