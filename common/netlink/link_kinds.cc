#include "common/netlink/link_kinds.h"

#include <fmt/format.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sched.h>

#include <cerrno>
#include <thread>

#include "common/base/error.h"
#include "common/netlink/error.h"
#include "common/netlink/message.h"
#include "common/netlink/socket.h"

namespace netlink {
namespace {

/// Whatever else is wrong with a link without settings, the kernel sees an unknown kind first.
bool is_known(NetlinkSocket& socket, const std::string& kind) {
  Message message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  message.header(ifinfomsg{}).nest(IFLA_LINKINFO, [&] { message.put_string(IFLA_INFO_KIND, kind); });
  try {
    socket.request(message, fmt::format("try a link of kind '{}'", kind));
    return true;
  } catch (const NetlinkError& error) {
    return error.error_number() != EOPNOTSUPP;
  }
}

}  // namespace

std::optional<std::set<std::string>> known_link_kinds(const std::vector<std::string>& kinds) {
  std::optional<std::set<std::string>> known;
  std::thread([&] {  // which alone changes its namespace
    if (::unshare(CLONE_NEWNET) != 0) return;
    try {
      auto socket = NetlinkSocket::open();
      std::set<std::string> found;
      for (const std::string& kind : kinds)
        if (is_known(socket, kind)) found.insert(kind);
      known = std::move(found);
    } catch (const base::SystemError&) {  // then nothing is known
    }
  })
      .join();
  return known;
}

}  // namespace netlink
