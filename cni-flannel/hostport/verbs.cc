#include "cni-flannel/hostport/verbs.h"

#include "cni-flannel/hostport/forwarding.h"
#include "cni-flannel/hostport/mappings.h"
#include "cni-flannel/pod/prev_result.h"

namespace flannel::hostport {

cni::AddAnswer add(const cni::Request& request) {
  const Conf conf = parse_conf(request);
  cni::Result result = required_prev_result(request);
  if (!conf.mappings.empty())
    open_ports(conf, request.network, request.attachment, pod_addresses(request, result));
  return result;
}

void del(const cni::Request& request) { close_ports(request.network, request.attachment); }

void check(const cni::Request& request) {
  const Conf conf = parse_conf(request);
  const cni::Result result = required_prev_result(request);
  if (!conf.mappings.empty())
    check_ports(conf, request.network, request.attachment, pod_addresses(request, result));
}

void gc(const cni::Request& request) { collect_ports(request.network, request.valid_attachments()); }

void status(const cni::Request& request) {
  static_cast<void>(parse_conf(request));
  check_available();
}

}  // namespace flannel::hostport
