#include "cni-flannel/conf.h"
#include "cni-flannel/delegate.h"
#include "cni-flannel/verbs.h"
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
    const json::Value rendered = render_delegate(conf, load_subnet_env(conf.subnet_file), request);
    Delegate::for_add(conf.types, request)->status(request.with_config(rendered));
  });
}

}  // namespace flannel
