#include "cni-flannel/bandwidth/verbs.h"

#include <utility>

#include "cni-flannel/bandwidth/limits.h"
#include "cni-flannel/bandwidth/shaping.h"
#include "cni-flannel/pod/host_end.h"
#include "cni-flannel/pod/prev_result.h"

namespace flannel::bandwidth {
namespace {

std::string ifb_of(const cni::Request& request) {
  return ifb_name(request.network, request.attachment.container_id);
}

}  // namespace

cni::AddAnswer add(const cni::Request& request) {
  const Limits limits = parse_limits(request);
  cni::Result result = required_prev_result(request);
  if (!limits.any()) return result;
  Container container = open_container(request.netns);
  netlink::NetlinkSocket host = netlink::NetlinkSocket::open();
  const netlink::Link end = find_host_end(host, container, request.attachment.ifname, result);
  if (const auto ifb = shape(host, end, ifb_of(request), limits))
    result.interfaces.push_back(
        {.name = ifb->name, .mac = ifb->mac.str(), .mtu = 0, .sandbox = {}, .socket_path = {}, .pci_id = {}});
  return result;
}

void del(const cni::Request& request) {
  netlink::NetlinkSocket host = netlink::NetlinkSocket::open();
  unshape(host, ifb_of(request));
}

void check(const cni::Request& request) {
  const Limits limits = parse_limits(request);
  const cni::Result result = required_prev_result(request);
  if (!limits.any()) return;
  Container container = open_container(request.netns);
  netlink::NetlinkSocket host = netlink::NetlinkSocket::open();
  check_shaping(host, find_host_end(host, container, request.attachment.ifname, result), ifb_of(request),
                limits);
}

void gc(const cni::Request& request) {
  netlink::NetlinkSocket host = netlink::NetlinkSocket::open();
  collect_ifbs(host, request.network, request.valid_attachments());
}

void status(const cni::Request& request) { static_cast<void>(parse_limits(request)); }

}  // namespace flannel::bandwidth
