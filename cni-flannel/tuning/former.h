// The former values of an interface, for DEL: the reference's file `<dataDir>/<containerID>_<ifname>.json`.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cni-flannel/tuning/conf.h"
#include "common/netlink/link.h"

namespace flannel::tuning {

/// What `conf` changes of the link, as it is.
Conf former_values(const Conf& conf, const netlink::Link& link, const netlink::LinkSettings& settings);

void save(const std::string& directory, const cni::Attachment& attachment, const Conf& former);
/// nullopt when there is no such file, or none that can be read.
std::optional<Conf> load(const std::string& directory, const cni::Attachment& attachment);
/// The containers that a file of that name may be about, its name without a directory: both parts may hold
/// '_'.
std::vector<std::string> containers_of(std::string_view file);
/// Forgets those of attachments that are not valid, of containers that have none in any network either.
void collect(const std::string& directory, const std::vector<cni::Attachment>& valid);
void forget(const std::string& directory, const cni::Attachment& attachment);

}  // namespace flannel::tuning
