#include "cni-flannel/pod/host_veth.h"

#include <fmt/format.h>

#include <algorithm>

#include "cni-flannel/pod/attachment_names.h"
#include "common/base/rollback.h"
#include "common/cni/error.h"

namespace flannel {

HostVeth create_host_veth(netlink::NetlinkSocket& host, const cni::Request& request, netlink::VethPair pair,
                          const VethMaking& making) {
  const cni::Attachment& attachment = request.attachment;
  const std::string alias = link_alias(request.network, attachment);
  HostVeth veth{.name = {}, .mac = base::MacAddress::random()};
  base::Rollback undo;
  for (unsigned attempt = 0; attempt < kMaxHostNames; ++attempt) {
    veth.name = host_veth_name(attachment, attempt);
    pair.local = {veth.name, veth.mac};
    // Pushed first: the kernel may have made the pair although its answer was lost.
    undo.push([&host, veth] { remove_host_veth(host, veth); });
    if (making.create(pair)) {
      making.finish(veth.name, alias);
      undo.commit();
      return veth;
    }
    const auto present = netlink::find_link(host, veth.name);
    if (!present || present->alias == alias) break;  // it is the container's end, or its twin
  }
  throw cni::Error(
      cni::ErrorCode::conflict,
      fmt::format("container '{}' already has an interface '{}', or a link '{}' of an earlier attachment "
                  "is left",
                  attachment.container_id, attachment.ifname, veth.name),
      "the runtime must call DEL for this attachment before it calls ADD again");
}

void remove_host_veth(netlink::NetlinkSocket& host, const HostVeth& veth) {
  if (const auto link = netlink::find_link(host, veth.name); link && link->mac == veth.mac)
    netlink::remove_link(host, veth.name);
}

std::optional<netlink::Link> find_host_veth(netlink::NetlinkSocket& host, const std::string& network,
                                            const cni::Attachment& attachment) {
  for (unsigned attempt = 0; attempt < kMaxHostNames; ++attempt) {
    auto link = netlink::find_link(host, host_veth_name(attachment, attempt));
    if (!link) continue;  // whose it was may be gone already
    // Without an alias it is one of an ADD that was killed before it could write it.
    if (link->alias.empty() || link->alias == link_alias(network, attachment)) return link;
  }
  return std::nullopt;
}

void remove_stale_veths(netlink::NetlinkSocket& host, const std::vector<netlink::Link>& links,
                        const std::string& network, const std::vector<cni::Attachment>& valid) {
  std::vector<std::string> keep;
  keep.reserve(valid.size());
  for (const cni::Attachment& attachment : valid) keep.push_back(link_alias(network, attachment));
  std::sort(keep.begin(), keep.end());
  const std::string ours = fmt::format("{}/", network);
  for (const netlink::Link& link : links)
    if (link.kind == "veth" && link.alias.starts_with(ours) &&
        !std::binary_search(keep.begin(), keep.end(), link.alias))
      netlink::remove_link(host, link.name);
}

}  // namespace flannel
