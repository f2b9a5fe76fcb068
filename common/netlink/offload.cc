#include "common/netlink/offload.h"

#include <fmt/format.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "common/base/error.h"
#include "common/base/unique_fd.h"

namespace netlink {
namespace {

ethtool_value ask_ethtool(const std::string& link, ethtool_value value, const std::string& doing) {
  if (link.size() >= IFNAMSIZ) throw base::KernelError(ENODEV, doing);
  const base::UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) base::throw_errno(fmt::format("{}: open socket", doing));
  ifreq request{};
  std::memcpy(request.ifr_name, link.c_str(), link.size());
  request.ifr_data = reinterpret_cast<char*>(&value);
  if (::ioctl(fd.get(), SIOCETHTOOL, &request) != 0) throw base::KernelError(errno, doing);
  return value;
}

}  // namespace

bool tx_checksum_offload(const std::string& link) {
  return ask_ethtool(link, {ETHTOOL_GTXCSUM, 0}, fmt::format("read the checksum offload of link '{}'", link))
             .data != 0;
}

void set_tx_checksum_offload(const std::string& link, bool on) {
  ask_ethtool(link, {ETHTOOL_STXCSUM, on ? 1U : 0U},
              fmt::format("switch checksum offload {} for link '{}'", on ? "on" : "off", link));
}

}  // namespace netlink
