// The former values of an interface, for DEL: the reference's file `<dataDir>/<containerID>_<ifname>.json`.
#pragma once

#include <optional>

#include "cni-flannel/tuning/conf.h"
#include "common/netlink/link.h"

namespace flannel::tuning {

/// What `conf` changes of the link, as it is.
Conf former_values(const Conf& conf, const netlink::Link& link, const netlink::LinkSettings& settings);

void save(const std::string& directory, const cni::Attachment& attachment, const Conf& former);
/// nullopt when there is no such file, or none that can be read.
std::optional<Conf> load(const std::string& directory, const cni::Attachment& attachment);
void forget(const std::string& directory, const cni::Attachment& attachment);

}  // namespace flannel::tuning
