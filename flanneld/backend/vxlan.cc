#include "flanneld/backend/vxlan.h"

#include <endian.h>

#include <algorithm>
#include <utility>

#include "common/base/hash.h"
#include "flanneld/backend/node_addresses.h"
#include "flanneld/backend/vxlan_lease_data.h"
#include "flanneld/lease/go_json.h"

namespace flanneld {
namespace {

using base::Family;
using base::IpNet;

constexpr const char* kVxlan = "vxlan";
constexpr int64_t kMaxMtu = 65535;
constexpr size_t kMaxLinkName = 15;  // IFNAMSIZ without the NUL

/// The least that a link must carry (RFC 791, RFC 8200).
uint32_t least_mtu(Family family) { return family == Family::v4 ? 68 : 1280; }

std::string link_name(Family family, uint32_t vni) {
  return (family == Family::v4 ? "flannel." : "flannel-v6.") + std::to_string(vni);
}

class VxlanBackend : public Backend {
 public:
  explicit VxlanBackend(const BackendContext& context);

  [[nodiscard]] LeaseAttributes attributes() const override { return attributes_; }
  [[nodiscard]] uint32_t mtu() const override;
  [[nodiscard]] NodePlan node_plan(const LeaseKey* own) const override;
  [[nodiscard]] PeerPlan peer_plan(const Lease& peer) const override;

 private:
  struct Device {
    Family family;
    IpNet network;
    netlink::VxlanSpec spec;
  };
  Device make_device(const BackendContext& context, Family family) const;
  void plan_family(const Device& device, const Lease& peer, PeerPlan& plan) const;

  VxlanOptions options_;
  LeaseAttributes attributes_;
  std::vector<Device> devices_;
  std::string external_;
  std::function<bool(const base::IpAddress&)> is_directly_connected_;
};

VxlanBackend::VxlanBackend(const BackendContext& context)
    : options_(VxlanOptions::parse(context.config)),
      attributes_(make_attributes(context, kVxlan)),
      external_(context.external.name),
      is_directly_connected_(context.is_directly_connected) {
  for (const Family family : families_of(context.config)) {
    devices_.push_back(make_device(context, family));
    const std::string data = VxlanLeaseData{options_.vni, devices_.back().spec.mac}.format();
    (family == Family::v4 ? attributes_.backend_data : attributes_.backend_v6_data) = data;
  }
}

VxlanBackend::Device VxlanBackend::make_device(const BackendContext& context, Family family) const {
  Device device{family, context.config.of(family)->network, {}};
  netlink::VxlanSpec& spec = device.spec;
  spec.name = link_name(family, options_.vni);
  spec.vni = options_.vni;
  if (spec.name.size() > kMaxLinkName)
    throw base::ParseError("network config: key 'Backend.VNI': " + std::to_string(options_.vni) +
                           " is too large for the name of an " + family_name(family) + " device, '" +
                           spec.name + "'");
  spec.port = options_.port;
  const base::IpAddress published = *public_address(context.external, family);
  // Behind a NAT the published address is not on this host, and packets from it would not get far.
  spec.local = interface_address(context.external, family).value_or(published);
  spec.lower = context.external.ifindex;
  const uint32_t underlay_mtu = options_.mtu != 0 ? options_.mtu : context.external.mtu;
  if (options_.mtu > context.external.mtu)
    throw base::ParseError("Backend.MTU is " + std::to_string(options_.mtu) + ", more than the " +
                           std::to_string(context.external.mtu) + " of interface '" + external_ + "'");
  if (underlay_mtu < vxlan_overhead(family) + least_mtu(family))
    throw base::ParseError("the MTU of interface '" + external_ + "', " + std::to_string(underlay_mtu) +
                           ", is too small for vxlan over " + family_name(family) + ": it must be " +
                           std::to_string(vxlan_overhead(family) + least_mtu(family)) + " at least");
  spec.mtu = underlay_mtu - vxlan_overhead(family);
  const auto existing = context.existing_mac(spec.name, spec.vni);
  spec.mac = existing ? *existing : derive_vtep_mac(spec.vni, published);
  spec.learning = options_.learning;
  spec.gbp = options_.gbp;
  return device;
}

uint32_t VxlanBackend::mtu() const {
  uint32_t least = UINT32_MAX;
  for (const Device& device : devices_) least = std::min(least, device.spec.mtu);
  return least;
}

NodePlan VxlanBackend::node_plan(const LeaseKey* own) const {
  NodePlan plan;
  for (const Device& device : devices_) {
    PlannedDevice planned{device.spec, std::nullopt, device.network, options_.checksum_offload};
    if (own && own->of(device.family)) {
      const base::IpAddress base_address = own->of(device.family)->network().address;
      planned.address = IpNet{base_address, static_cast<uint8_t>(base_address.bits())};
    }
    plan.devices.push_back(std::move(planned));
    plan.route_links.push_back(device.spec.name);
    plan.networks.push_back(device.network);
  }
  // Without DirectRouting too: what it left behind when it was on must go.
  plan.route_links.push_back(external_);
  return plan;
}

void VxlanBackend::plan_family(const Device& device, const Lease& peer, PeerPlan& plan) const {
  if (!peer.key.of(device.family)) return;
  const IpNet subnet = peer.key.of(device.family)->network();
  const base::IpAddress remote = peer_address(peer, device.family);
  const std::string& text =
      device.family == Family::v4 ? peer.attributes.backend_data : peer.attributes.backend_v6_data;
  const base::MacAddress mac =
      decoding("lease of " + peer.key.str(), [&] { return VxlanLeaseData::parse(text); }).vtep_mac;
  if (mac == device.spec.mac)
    throw base::ParseError("lease of " + peer.key.str() + ": VTEP MAC " + mac.str() +
                           " is that of this node's own '" + device.spec.name + "'");
  if (options_.direct_routing && is_directly_connected_(remote)) {
    plan.routes.push_back({subnet, remote, external_, false});
    return;
  }
  plan.neighbours.push_back({device.spec.name, subnet.address, mac});
  plan.fdb.push_back({device.spec.name, mac, remote});
  plan.routes.push_back({subnet, subnet.address, device.spec.name, true});
}

PeerPlan VxlanBackend::peer_plan(const Lease& peer) const {
  check_backend_type(peer, kVxlan);
  PeerPlan plan;
  for (const Device& device : devices_) plan_family(device, peer, plan);
  return plan;
}

}  // namespace

VxlanOptions VxlanOptions::parse(const NetworkConfig& config) {
  return decoding("network config", [&] {
    const json::Value& backend = config.backend;
    const auto number = [&](const char* key, int64_t otherwise, int64_t most) {
      return json::get_integer(backend, key, "Backend", 0, most).value_or(otherwise);
    };
    VxlanOptions options;
    options.vni = static_cast<uint32_t>(number("VNI", 1, kMaxVni));
    options.port = static_cast<uint16_t>(number("Port", 0, UINT16_MAX));
    options.mtu = static_cast<uint32_t>(number("MTU", 0, kMaxMtu));
    options.learning = json::get_bool(backend, "Learning", "Backend");
    options.gbp = json::get_bool(backend, "GBP", "Backend");
    options.direct_routing = json::get_bool(backend, "DirectRouting", "Backend");
    options.checksum_offload = json::get_bool(backend, "ChecksumOffload", "Backend", true);
    return options;
  });
}

base::MacAddress derive_vtep_mac(uint32_t vni, const base::IpAddress& public_address) {
  // FNV-1a, then a mix that lets each bit of it count in each bit of the address.
  const uint32_t number = htole32(vni);
  uint64_t hash = base::fnv1a_64("flannel vtep");
  hash = base::fnv1a_64({reinterpret_cast<const char*>(&number), sizeof number}, hash);
  hash = base::fnv1a_64({reinterpret_cast<const char*>(public_address.data()), public_address.size()}, hash);
  hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccdU;
  hash = (hash ^ hash >> 33) * 0xc4ceb9fe1a85ec53U;
  hash ^= hash >> 33;
  base::MacAddress mac;
  for (uint8_t& byte : mac.bytes) {
    byte = static_cast<uint8_t>(hash);
    hash >>= 8;
  }
  mac.bytes[0] = static_cast<uint8_t>((mac.bytes[0] | 0x02) & 0xfe);  // locally administered, one device's
  return mac;
}

std::unique_ptr<Backend> make_vxlan_backend(const BackendContext& context) {
  return std::make_unique<VxlanBackend>(context);
}

}  // namespace flanneld
