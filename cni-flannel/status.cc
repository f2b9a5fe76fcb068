#include <functional>

#include "cni-flannel/conf.h"
#include "cni-flannel/delegate.h"
#include "cni-flannel/extras.h"
#include "cni-flannel/scratch_store.h"
#include "cni-flannel/verbs.h"
#include "common/cni/error.h"

namespace flannel {
namespace {

/// The runtime declares the node broken when STATUS fails, and the pods that run on it are evicted. So what
/// the next moment may mend, such as an agent that is being restarted or a bridge without a free port, and a
/// bridge that somebody else uses are told while no pod runs here; with pods it is ADD that tells it.
template <class Action>
void judge(Action&& action, const std::function<bool()>& has_pods) {
  try {
    action();
  } catch (...) {
    const cni::Error error = cni::current_error();
    const bool is_of_add =
        error.code() == cni::ErrorCode::try_again_later || error.code() == cni::ErrorCode::conflict;
    if (is_of_add && has_pods()) return;
    const bool is_status = error.code() == cni::ErrorCode::not_available ||
                           error.code() == cni::ErrorCode::not_available_limited;
    throw cni::Error(is_status ? error.code() : cni::ErrorCode::not_available, error.what(), error.details());
  }
}

/// A file that cannot be read or understood is the agent's to mend, just as one that is absent.
SubnetEnv load_for_status(const std::string& path) {
  try {
    return load_subnet_env(path);
  } catch (...) {
    const cni::Error error = cni::current_error();
    throw cni::Error(cni::ErrorCode::try_again_later, error.what(), error.details());
  }
}

}  // namespace

void status(const cni::Request& request) {
  const FlannelConf conf = parse_flannel_conf(request);
  judge(
      [&] {
        const SubnetEnv env = load_for_status(conf.subnet_file);
        const json::Value rendered = render_delegate(conf, env, request);
        Delegate::for_add(conf.types, request)->status(request.with_config(rendered), env);
        if (is_built_in(conf.types.delegate)) check_extras_available(request);
      },
      [&] { return ScratchStore(conf.data_dir, request.network).has_attachments({}); });
}

}  // namespace flannel
