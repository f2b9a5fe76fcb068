// The checks of `flanneld doctor`: each takes what was read from the machine and returns a finding. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/flannel/pod_addresses.h"
#include "common/flannel/subnet_env.h"
#include "common/guard/existing.h"
#include "flanneld/commands/doctor_report.h"
#include "flanneld/node/external_interface.h"

namespace flanneld {

/// Of a node whose subnet has IPv6: for which names below net/ipv6/conf it is switched off (disable_ipv6):
/// links, or "all" and "default", which those have that are made later.
Finding check_ipv6(const std::vector<std::string>& off);
/// Of net.bridge.bridge-nf-call-iptables; nullopt if there is none.
Finding check_bridge_filter(const std::optional<std::string>& value);
/// The interface that the agent uses or would use, that which it would choose if it used none yet, and what
/// there is to choose from.
Finding check_interface(const InterfaceChoice& choice, const InterfaceChoice& anew,
                        const std::string& candidates);

/// MTUs in bytes; nullopt: not known.
struct MtuFacts {
  struct Device {
    std::string name;
    uint32_t mtu = 0;
    uint32_t overhead = 0;  ///< bytes that the device adds to each packet
  };
  std::optional<uint32_t> external;  ///< of the interface to the other nodes
  std::optional<uint32_t> bridge;    ///< of cni0
  std::optional<uint32_t> pods;      ///< FLANNEL_MTU
  std::vector<Device> devices;       ///< flannel's tunnel devices
};
/// Whether each MTU leaves room for what is put around a packet on its way.
Finding check_mtu(const MtuFacts& facts);

struct UdpPortFacts {
  uint16_t port = 0;
  std::string kind = "VXLAN";             ///< of the device
  bool has_device = false;                ///< there is a device that should receive on it
  std::string down = {};                  ///< the name of such a device that is not up; empty: none
  bool is_bound = false;                  ///< a socket receives on it
  std::optional<std::string> owner = {};  ///< the process that has this socket; those of devices have none
};
Finding check_udp_port(const UdpPortFacts& facts);

/// Whether this node can serve the backend wireguard: by its kernel, or by the program of that path, if there
/// is one.
Finding check_wireguard(bool by_kernel, const std::string& program);

/// Whether cni0 has the addresses that subnet.env gives it; nullopt: there is no cni0. `ports`: how many it
/// has; without any, nothing is lost when it is removed. `is_up`: of cni0.
Finding check_bridge_address(const std::optional<std::vector<base::IpNet>>& addresses,
                             const flannel::SubnetEnv& env, size_t ports = 0, bool is_up = true);

/// Whether there are an address and a bridge port for one more pod; nullopt: the leases cannot be read. A
/// node that is full is no broken one.
Finding check_room(const std::optional<flannel::PodAddresses>& addresses, size_t bridge_ports);

struct PodPortFacts {
  size_t ports = 0;                     ///< of pods
  std::vector<guard::LeftOpen> open;    ///< of those
  std::vector<std::string> lacks = {};  ///< guard::missing()
};
/// What the kernel cannot keep pods from, and which pods nobody does. No pod is cut off by it.
std::vector<Finding> check_pod_ports(const PodPortFacts& facts);

/// Of the external interface, whose driver is named so; empty: not known. `has_vxlan`: packets are put into
/// VXLAN there.
std::optional<Finding> check_driver(const std::string& link, const std::string& driver, bool has_vxlan);

}  // namespace flanneld
