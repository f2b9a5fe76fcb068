#include "cni-flannel/bandwidth/verbs.h"

#include <utility>

#include "cni-flannel/bandwidth/limits.h"
#include "cni-flannel/bandwidth/shaping.h"
#include "cni-flannel/pod/host_end.h"
#include "cni-flannel/pod/prev_result.h"

namespace flannel::bandwidth {
cni::AddAnswer add(const cni::Request& request) {
  const Limits limits = parse_limits(request);
  cni::Result result = required_prev_result(request);
  if (!limits.any()) return result;
  Container container = open_container(request.netns);
  netlink::NetlinkSocket host = netlink::NetlinkSocket::open();
  const netlink::Link end = find_host_end(host, container, request.attachment.ifname, result);
  shape(host, end, ifb_name(request), limits, result);
  return result;
}

void del(const cni::Request& request) {
  netlink::NetlinkSocket host = netlink::NetlinkSocket::open();
  unshape(host, ifb_name(request));
}

void check(const cni::Request& request) {
  const Limits limits = parse_limits(request);
  const cni::Result result = required_prev_result(request);
  if (!limits.any()) return;
  Container container = open_container(request.netns);
  netlink::NetlinkSocket host = netlink::NetlinkSocket::open();
  check_shaping(host, find_host_end(host, container, request.attachment.ifname, result), ifb_name(request),
                limits);
}

void gc(const cni::Request& request) {
  netlink::NetlinkSocket host = netlink::NetlinkSocket::open();
  collect_ifbs(host, request.network, request.valid_attachments());
}

void status(const cni::Request& request) { static_cast<void>(parse_limits(request)); }

}  // namespace flannel::bandwidth
