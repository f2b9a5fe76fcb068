#include "flanneld/commands/doctor_repair.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "common/base/error.h"
#include "common/base/printable.h"
#include "common/netlink/link.h"
#include "common/netlink/socket.h"
#include "common/netlink/sysctl.h"

namespace flanneld {
namespace {

void carry_out(const Repair& repair) {
  auto socket = netlink::NetlinkSocket::open();
  switch (repair.kind) {
    case Repair::Kind::set_sysctl:
      return netlink::write_sysctl(repair.object, repair.value);
    case Repair::Kind::set_link_up:
      if (const auto link = netlink::find_link(socket, repair.object)) netlink::set_up(socket, *link);
      return;
    case Repair::Kind::remove_link:
      netlink::remove_link(socket, repair.object);
      return;
  }
}

}  // namespace

void carry_out_repairs(const std::vector<Finding>& findings) {
  std::vector<Repair> done;
  for (const Finding& finding : findings)
    for (const Repair& repair : finding.repairs) {
      if (std::find(done.begin(), done.end(), repair) != done.end()) continue;
      done.push_back(repair);
      fmt::print("fix   {}: {} …", base::printable(finding.name), base::printable(repair_text(repair)));
      std::fflush(stdout);
      try {
        carry_out(repair);
        fmt::print(" done\n");
      } catch (const base::SystemError& error) {
        const bool denied = error.error_number() == EPERM || error.error_number() == EACCES;
        fmt::print(" failed: {}{}\n", base::printable(error.what()), denied ? "; run this as root" : "");
      }
    }
  if (done.empty()) fmt::print("fix   nothing that is found here can be mended from here\n");
}

}  // namespace flanneld
