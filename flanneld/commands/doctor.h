// `flanneld doctor`: looks for what keeps pods from talking to each other, and says what to do. Changes
// nothing. What is found is judged by pure functions; only run_doctor() looks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/flannel/subnet_env.h"
#include "flanneld/node/external_interface.h"
#include "flanneld/options/options.h"

namespace flanneld {

struct Finding {
  enum class State : uint8_t { ok, warn, fail } state = State::ok;
  std::string name, finding;
  std::string advice;  ///< empty when there is nothing to do
  bool operator==(const Finding&) const = default;
};

/// Runs all checks and prints a line for each, or JSON with `-o json`. 0 when none fails, 1 otherwise.
/// Throws UsageError.
int run_doctor(const Options& options);

std::string findings_text(const std::vector<Finding>& findings);
std::string findings_json(const std::vector<Finding>& findings);

/// `value` of the sysctl that lets packets through the node.
Finding judge_forwarding(base::Family family, const std::optional<std::string>& value);
/// Of net.bridge.bridge-nf-call-iptables.
Finding judge_bridge_filter(const std::optional<std::string>& value);
Finding judge_interface(const InterfaceChoice& choice);

struct MtuFacts {
  std::optional<uint32_t> external, bridge, pods;  ///< of the interface, of cni0, FLANNEL_MTU
  struct Device {
    std::string name;
    uint32_t mtu = 0;
  };
  std::vector<Device> devices;  ///< flannel's VXLAN devices
};
Finding judge_mtu(const MtuFacts& facts);

/// The inodes of the sockets on a port, by /proc/net/udp and udp6.
std::vector<std::string> inodes_of_port(uint16_t port, std::string_view tables);
/// The sockets of VXLAN devices belong to no process; `owner` is the process that has one, if any.
Finding judge_udp_port(uint16_t port, bool has_device, bool is_bound,
                       const std::optional<std::string>& owner);
Finding judge_bridge_address(const std::vector<base::IpNet>& addresses, bool has_bridge,
                             const flannel::SubnetEnv& env);

/// A network configuration of the container runtime, and the plugins that there are.
struct CniFiles {
  std::string first;                  ///< the name that comes first: what the runtime takes
  std::string text;                   ///< what it holds
  std::vector<std::string> others;    ///< names behind it
  std::vector<std::string> programs;  ///< in the plugins' directory
};
Finding judge_cni(const std::optional<CniFiles>& files);

}  // namespace flanneld
