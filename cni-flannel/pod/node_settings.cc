#include "cni-flannel/pod/node_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "common/base/error.h"
#include "common/cni/error.h"
#include "common/netlink/forwarding.h"
#include "common/netlink/sysctl.h"

namespace flannel {
namespace {

using base::Family;
using cni::Error;
using cni::ErrorCode;
using netlink::Link;

/// "net.ipv4.ip_forward" of "net/ipv4/ip_forward", as sysctl(8) and an administrator write it.
std::string written(std::string name) {
  std::replace(name.begin(), name.end(), '/', '.');
  return name;
}

std::string link_setting(const std::string& link, const char* key) {
  return fmt::format("net/ipv6/conf/{}/{}", link, key);
}

[[noreturn]] void refuse(const std::string& setting, const char* wanted, const std::string& problem,
                         const std::string& consequence) {
  throw Error(
      ErrorCode::kernel_refused, fmt::format("cannot set {} to {}: {}", written(setting), wanted, problem),
      fmt::format("{}; set it on the node, or when the node is a container whose /proc/sys is read-only, "
                  "where that container is started",
                  consequence));
}

[[noreturn]] void refuse_family(Family family) {
  throw Error(ErrorCode::kernel_refused,
              fmt::format("switch on forwarding: there is no setting {}",
                          written(netlink::forwarding_setting(family))),
              "the kernel runs without that address family, of which the node's subnet has addresses");
}

constexpr const char* kNoForwarding = "without it the node drops the pods' packets";
constexpr const char* kRoutersHeard =
    "without it a pod's router advertisement would give the node a default route to that pod";
constexpr const char* kNoIpv6 =
    "with IPv6 switched off there the link cannot have the gateway's IPv6 address";

void check_forwarding(Family family) {
  const std::string name = netlink::forwarding_setting(family);
  const auto value = netlink::read_sysctl(name);
  if (!value) refuse_family(family);
  if (*value != "1" && !netlink::can_write_sysctl(name))
    refuse(name, "1", fmt::format("it is {} and not writable", *value), kNoForwarding);
}

/// The settings that a link made now would have; nullopt when the kernel runs without IPv6.
std::optional<netlink::Ipv6Conf> default_settings() {
  const auto read = [](const char* key) { return netlink::read_sysctl(link_setting("default", key)); };
  const auto accept_ra = read("accept_ra");
  if (!accept_ra) return std::nullopt;
  return netlink::Ipv6Conf{.accept_ra = *accept_ra == "0"   ? 0
                                        : *accept_ra == "2" ? 2
                                                            : 1,
                           .forwarding = read("forwarding") == "1",
                           .disabled = read("disable_ipv6") == "1"};
}

/// Of a link, or of "default" for one that has to be made.
void check_link_settings(const std::string& link, const netlink::Ipv6Conf& present, bool needs_ipv6) {
  const auto is_fixed = [&](const char* key) { return !netlink::can_write_sysctl(link_setting(link, key)); };
  netlink::Ipv6Conf coming = present;
  if (needs_ipv6) coming = {.accept_ra = present.accept_ra, .forwarding = true, .disabled = false};
  if (needs_ipv6 && present.disabled && is_fixed("disable_ipv6"))
    refuse(link_setting(link, "disable_ipv6"), "0", "it is 1 and not writable", kNoIpv6);
  if (coming.accepts_ra() && is_fixed("accept_ra"))
    refuse(link_setting(link, "accept_ra"), "0", fmt::format("it is {} and not writable", present.accept_ra),
           kRoutersHeard);
}

/// Whether the node drops packets that come in by another link than the way back to their source: 1 says by
/// no other, 2 by any other way that there is. Containers that may send from more addresses need the latter.
int wanted_path_check(const PodConf& conf) { return conf.allows_other_sources ? 2 : 1; }

bool checks_paths(const PodConf& conf, const Link& link) { return link.rp_filter >= wanted_path_check(conf); }

std::string path_check(const Link& link) { return fmt::format("net/ipv4/conf/{}/rp_filter", link.name); }

}  // namespace

void check_node_settings(const PodConf& conf, const std::optional<Link>& link) {
  if (conf.is_gateway)
    for (const Family family : base::kFamilies)
      if (families_of(conf.subnets).has(family)) check_forwarding(family);
  const bool needs_ipv6 = conf.is_gateway && families_of(conf.subnets).has(Family::v6);
  if (const auto settings = link ? link->ipv6 : default_settings())
    check_link_settings(link ? link->name : "default", *settings, needs_ipv6);
}

void ensure_node_forwards(netlink::NetlinkSocket& host, Family family) {
  try {
    if (!netlink::ensure_forwarding(host, family)) refuse_family(family);
  } catch (const netlink::NetlinkError&) {
    throw;
  } catch (const base::SystemError& error) {
    refuse(netlink::forwarding_setting(family), "1", error.what(), kNoForwarding);
  }
}

void ensure_node_forwards(netlink::NetlinkSocket& host, const PodConf& conf) {
  if (!conf.is_gateway) return;
  for (const Family family : base::kFamilies)
    if (families_of(conf.subnets).has(family)) ensure_node_forwards(host, family);
}

bool has_link_settings(const PodConf& conf, const Link& link) {
  if (!checks_paths(conf, link) && netlink::can_write_sysctl(path_check(link))) return false;
  if (link.ipv6 && link.ipv6->accept_ra != 0) return false;
  const Families families = conf.is_gateway ? families_of(conf.subnets) : Families();
  return (!families.v4 || link.forwards_ipv4) &&
         (!families.v6 || !link.ipv6 || (link.ipv6->forwarding && !link.ipv6->disabled));
}

void ensure_link_settings(const PodConf& conf, const Link& link) {
  if (!checks_paths(conf, link))
    netlink::try_sysctl(path_check(link), fmt::format("{}", wanted_path_check(conf)));
  // No other host has the gateway's MAC: it answers the first container at once.
  if (link.ipv6) netlink::try_sysctl(link_setting(link.name, "accept_dad"), "0");
  if (!netlink::refuse_router_advertisements(link))
    refuse(link_setting(link.name, "accept_ra"), "0", "it is not writable", kRoutersHeard);
  const Families families = conf.is_gateway ? families_of(conf.subnets) : Families();
  if (families.v6 && !netlink::enable_ipv6(link))
    refuse(link_setting(link.name, "disable_ipv6"), "0", "it is not writable", kNoIpv6);
  const auto ensure_forwarding = [](const std::string& name) {
    if (!netlink::try_sysctl(name, "1")) refuse(name, "1", "it is not writable", kNoForwarding);
  };
  if (families.v4 && !link.forwards_ipv4)
    ensure_forwarding(fmt::format("net/ipv4/conf/{}/forwarding", link.name));
  if (families.v6 && link.ipv6 && !link.ipv6->forwarding)
    ensure_forwarding(link_setting(link.name, "forwarding"));
}

}  // namespace flannel
