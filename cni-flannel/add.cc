#include "cni-flannel/conf.h"
#include "cni-flannel/delegate.h"
#include "cni-flannel/extras.h"
#include "cni-flannel/scratch_store.h"
#include "cni-flannel/verbs.h"
#include "common/base/rollback.h"

namespace flannel {

cni::AddAnswer add(const cni::Request& request) {
  const FlannelConf conf = parse_flannel_conf(request);
  const Extras extras = is_built_in(conf.types.delegate) ? Extras::parse(request) : Extras();
  const SubnetEnv env = load_subnet_env(conf.subnet_file);
  const json::Value rendered = render_delegate(conf, env, request);
  const cni::Request delegated = request.with_config(rendered);
  Container container = open_container(request.netns);
  check_ifname_free(container, request.attachment);

  // DEL goes by this file, so it is there before anything else is.
  ScratchStore scratch(conf.data_dir, request.network);
  scratch.take_back_dead({});
  base::Rollback undo;
  if (scratch.save(request.attachment, rendered)) {
    undo.push([&] { scratch.remove(request.attachment); });
  } else {  // of a killed ADD, or of a namespace that died without DEL
    const auto earlier = scratch.load(request.attachment);
    scratch.replace(request.attachment, rendered);
    undo.push([&, earlier] {
      earlier ? scratch.replace(request.attachment, *earlier) : scratch.remove(request.attachment);
    });
  }
  const auto delegate = Delegate::for_add(conf.types, request);
  cni::AddAnswer answer = delegate->add(delegated, container, env);
  if (extras.any()) {
    base::Rollback detach;
    detach.push([&] { delegate->del(delegated); });
    detach.push([&] { remove_limits(delegated); });
    detach.push([&] { remove_ports(delegated); });
    add_extras(request, extras, std::get<cni::Result>(answer));
    detach.commit();
  }
  undo.commit();
  return answer;
}

}  // namespace flannel
