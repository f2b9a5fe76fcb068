// What of the node itself limits its pods' network, for /metrics.
#pragma once

#include <optional>
#include <string>

namespace flanneld {

/// The kernel's table of connections, by the texts of its two files: entries and their limit. Empty when
/// either is absent or no number: the kernel tracks no connections then.
std::string conntrack_metrics(const std::optional<std::string>& count,
                              const std::optional<std::string>& limit);

/// The same of this network namespace. Never throws: what cannot be read is left out.
std::string node_metrics() noexcept;

}  // namespace flanneld
