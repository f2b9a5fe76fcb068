// A call of a plugin: lines NAME=VALUE for the environment, an empty line, stdin. The verbs here decode all
// that the real ones do, and act on nothing.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>

#include "cni-flannel/bandwidth/limits.h"
#include "cni-flannel/bridge/conf.h"
#include "cni-flannel/conf.h"
#include "cni-flannel/firewall/conf.h"
#include "cni-flannel/hostport/mappings.h"
#include "cni-flannel/pod/attachment_names.h"
#include "cni-flannel/pod/plan.h"
#include "cni-flannel/tuning/conf.h"
#include "cni-ipam/conf.h"
#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/unique_fd.h"
#include "common/cni/delegate.h"
#include "common/cni/plugin_main.h"
#include "tests/fuzz/decoders.h"

namespace {

constexpr std::array kVariables{"CNI_COMMAND", "CNI_CONTAINERID", "CNI_IFNAME",        "CNI_NETNS",
                                "CNI_PATH",    "CNI_ARGS",        "CNI_NETNS_OVERRIDE"};

const flannel::SubnetEnv& node_env() {
  static const auto env = flannel::SubnetEnv::parse(
      "FLANNEL_NETWORK=10.244.0.0/16,10.245.0.0/16\nFLANNEL_SUBNET=10.244.1.1/24\n"
      "FLANNEL_IPV6_NETWORK=fd00::/48\nFLANNEL_IPV6_SUBNET=fd00:0:0:1::1/"
      "64\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n",
      "subnet.env");
  return env;
}

/// What no name out of a request may do.
void check_names(const cni::Request& request) {
  for (const std::string& name :
       {request.network, request.attachment.container_id, request.attachment.ifname})
    fuzz::promise(name != "." && name != ".." && name.find('/') == std::string::npos,
                  "no name leaves its directory");
  const std::string store = ipam::store_directory(request);
  fuzz::promise(store.ends_with("/" + request.network), "a store is the network's own");
}

/// One address out of each set, as the allocator would.
cni::Result allocate(const cni::Request& request) {
  cni::Result result;
  for (const ipam::RangeSet& set : ipam::parse_ranges(request)) {
    const auto turn = ipam::full_turn(set, set.front().last);
    if (!turn.empty())
      result.ips.push_back({{turn.front().first, set.front().subnet.prefix}, set.front().gateway, {}});
  }
  result.routes = ipam::parse_routes(request);
  ipam::parse_requested(request);
  ipam::resolv_conf_path(request);
  return result;
}

/// What plugins behind flannel read, and flannel itself for its own pods.
void chained(const cni::Request& request) {
  const auto ports = flannel::hostport::parse_conf(request);
  for (const base::Family family : base::kFamilies)
    for (const auto& mapping : ports.mappings_for(family))
      fuzz::promise(mapping.host_port != 0 && mapping.container_port != 0 && !mapping.str().empty() &&
                        (!mapping.host_ip || mapping.host_ip->family() == family),
                    "a mapping has ports, and an address of its family");
  const auto limits = flannel::bandwidth::parse_limits(request);
  for (const auto& limit : {limits.ingress, limits.egress})
    if (limit.is_set())
      fuzz::promise(flannel::bandwidth::make_token_bucket(limit).rate != 0, "what is limited passes");
  for (const auto& [key, value] : flannel::tuning::parse_conf(request).sysctls) {
    const std::string name = flannel::tuning::setting_name(key, "eth0");
    fuzz::promise(name.starts_with("net/") && name.find("..") == std::string::npos,
                  "a setting is one of a pod's");
  }
  const std::string chain = flannel::firewall::parse_conf(request).admin_chain;
  fuzz::promise(chain.find_first_of(" \n\"\\!") == std::string::npos && !chain.starts_with('-'),
                "a chain is one word of iptables-restore's");
  if (const auto previous = request.prev_result()) {
    static_cast<void>(flannel::hostport::pod_addresses(request, *previous));
    static_cast<void>(flannel::firewall::addresses_of(*previous));
  }
}

cni::AddAnswer add(const cni::Request& request) {
  chained(request);
  const auto conf = flannel::parse_flannel_conf(request);
  const cni::Request delegated = request.with_config(flannel::render_delegate(conf, node_env(), request));
  check_names(delegated);
  const auto bridge = flannel::parse_bridge_conf(delegated);
  const auto plan = flannel::make_plan(bridge, allocate(delegated), base::MacAddress::random(), 2);
  cni::Result result;
  result.ips = plan.result_ips;
  result.routes = plan.result_routes;
  result.dns = plan.dns;
  return result;
}

void add_address(const cni::Request& request) {
  check_names(request);
  allocate(request);
}

void check_attachment(const cni::Request& request) {
  if (const auto previous = request.prev_result()) static_cast<void>(previous->to_json(request.version));
}

void collect(const cni::Request& request) {
  for (const cni::Attachment& valid : request.valid_attachments())
    fuzz::promise(flannel::link_alias(request.network, valid).size() <= 255, "a link's alias fits");
  const auto conf = flannel::parse_flannel_conf(request);
  check_names(request.with_config(flannel::render_without_subnet(conf, request)));
}

/// Puts another file in the place of a descriptor for a while.
class Redirection {
 public:
  Redirection(int fd, int to) : fd_(fd), saved_(::dup(fd)) { ::dup2(to, fd); }
  Redirection(const Redirection&) = delete;
  Redirection& operator=(const Redirection&) = delete;
  ~Redirection() { ::dup2(saved_.get(), fd_); }

 private:
  int fd_;
  base::UniqueFd saved_;
};

/// plugin_main() answers every exception; a broken promise must not be one of them.
template <auto Verb>
auto guarded(const cni::Request& request) {
  try {
    return Verb(request);
  } catch (const std::logic_error& broken) {
    ::dprintf(STDERR_FILENO, "%s\n", broken.what());
    std::abort();
  }
}

}  // namespace

void fuzz::plugin_call(std::string_view input) {
  for (const char* name : kVariables) ::unsetenv(name);
  while (!input.empty()) {
    const std::string line(cut(input, '\n'));
    if (line.empty()) break;
    const size_t equals = line.find('=');
    for (const char* name : kVariables)
      if (line.substr(0, equals) == name && equals != std::string::npos)
        ::setenv(name, line.c_str() + equals + 1, 1);
  }
  const base::UniqueFd in(::memfd_create("stdin", MFD_CLOEXEC)), out(::memfd_create("stdout", MFD_CLOEXEC));
  base::write_all(in.get(), input, "stdin");
  ::lseek(in.get(), 0, SEEK_SET);
  const Redirection redirected_in(STDIN_FILENO, in.get()), redirected_out(STDOUT_FILENO, out.get());
  const cni::Plugin plugin{
      "flannel",       "", guarded<add>, guarded<add_address>, guarded<check_attachment>, guarded<collect>,
      guarded<collect>};
  const std::array arguments{"flannel"};
  const int status = cni::plugin_main(plugin, static_cast<int>(arguments.size()), arguments.data());
  ::lseek(out.get(), 0, SEEK_SET);
  const std::string answer = base::read_all(out.get(), 64 << 20, "stdout");
  promise(status == 0 || json::Value::parse(answer).contains("code"), "a failure is told by an error object");
}
