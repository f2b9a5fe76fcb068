// Transmit checksum offload of a link, which broken hardware or drivers make a matter of life and death
// for tunnels.
#pragma once

#include <string>

namespace netlink {

/// Whether the link leaves checksums of what it sends to the hardware, or to the tunnel's lower link.
/// Throws SystemError. The link is looked for in the network namespace of the caller.
bool tx_checksum_offload(const std::string& link);
void set_tx_checksum_offload(const std::string& link, bool on);

}  // namespace netlink
