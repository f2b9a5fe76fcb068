// `flannel-ipam list` and `flannel-ipam check`: what the leases of a node say, for people.
#pragma once

#include <optional>
#include <string_view>

namespace ipam {

/// For the text that --help prints.
inline constexpr std::string_view kCommandHelp =
    "For people:\n"
    "  flannel-ipam list [-o json] [DIRECTORY...]    who holds which address since when\n"
    "  flannel-ipam check [-o json] [DIRECTORY...]   what is wrong with that, beside what pods really have\n"
    "DIRECTORY is a store; without one, all below /var/lib/cni/networks. Both look into the pods' network\n"
    "namespaces, as root. check exits with 1 when something is wrong, both with 2 when they cannot look.";

/// Serves `list` and `check`; nullopt if the arguments ask for neither. Returns the exit status, and has
/// written its answer or why there is none.
std::optional<int> run_command(int argc, const char* const* argv) noexcept;

}  // namespace ipam
