#include "flanneld/backend/vxlan.h"

#include <endian.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "common/base/error.h"
#include "common/base/hash.h"
#include "common/netlink/vxlan.h"
#include "flanneld/backend/node_addresses.h"
#include "flanneld/backend/registry.h"
#include "flanneld/backend/vxlan_lease_data.h"
#include "flanneld/lease/go_json.h"

namespace flanneld {
namespace {

using base::Family;
using base::IpNet;

constexpr const char* kVxlan = "vxlan";
constexpr int64_t kMaxMtu = 65535;
constexpr size_t kMaxLinkName = 15;  // IFNAMSIZ without the NUL

/// Before the VNI.
std::string_view name_prefix(Family family) { return family == Family::v4 ? "flannel." : "flannel-v6."; }

/// The hardware address of the device of that name and VNI, if the node has one: it has been published.
std::optional<base::MacAddress> find_mac(const std::vector<Device>& devices, const std::string& name,
                                         uint32_t vni) {
  for (const Device& device : devices) {
    const auto* vxlan = std::get_if<VxlanDevice>(&device.kind);
    if (device.name == name && vxlan && vxlan->vni == vni) return device.mac;
  }
  return std::nullopt;
}

/// The hardware address that peers know from an earlier run, whose device is gone.
std::optional<base::MacAddress> find_published_mac(const LeaseAttributes& published, Family family,
                                                   uint32_t vni) {
  const std::string& text = family == Family::v4 ? published.backend_data : published.backend_v6_data;
  if (published.backend_type != kVxlan || text.empty()) return std::nullopt;
  try {
    const auto data = VxlanLeaseData::parse(text);
    return data.vni == vni ? std::optional(data.vtep_mac) : std::nullopt;
  } catch (const base::ParseError&) {
    return std::nullopt;
  }
}

/// nullopt: it cannot be read, or its publisher is of a time before there were such numbers.
std::optional<uint32_t> find_published_vni(const LeaseAttributes& attributes) {
  for (const std::string& text : {attributes.backend_data, attributes.backend_v6_data}) try {
      if (const uint32_t vni = text.empty() ? 0 : VxlanLeaseData::parse(text).vni; vni != 0) return vni;
    } catch (const base::ParseError&) {
      return std::nullopt;  // peer_plan() says why
    }
  return std::nullopt;
}

class VxlanBackend : public Backend {
 public:
  explicit VxlanBackend(const BackendContext& context);

  [[nodiscard]] LeaseAttributes attributes() const override { return attributes_; }
  [[nodiscard]] uint32_t mtu() const override;
  [[nodiscard]] NodePlan node_plan(const LeaseKey* own) const override;
  [[nodiscard]] bool serves(const Lease& peer) const override;
  [[nodiscard]] PeerPlan peer_plan(const Lease& peer) const override;
  [[nodiscard]] std::vector<TunnelPort> tunnel_ports() const override;

 private:
  [[nodiscard]] Device make_device(const BackendContext& context, Family family) const;
  [[nodiscard]] std::string make_name(Family family) const;
  void plan_family(const Device& device, const Lease& peer, PeerPlan& plan) const;

  VxlanOptions options_;
  uint16_t port_;
  LeaseAttributes attributes_;
  std::vector<Device> devices_;  ///< one per family
  std::string external_;
  std::vector<HostRoute> routes_;
};

VxlanBackend::VxlanBackend(const BackendContext& context)
    : options_(VxlanOptions::parse(context.config)),
      port_(options_.port != 0 ? options_.port : netlink::kDefaultVxlanPort),
      attributes_(make_attributes(context, kVxlan)),
      external_(context.external.name),
      routes_(context.routes) {
  for (const Family family : families_of(context.config)) {
    devices_.push_back(make_device(context, family));
    VxlanLeaseData data{.vni = options_.vni, .vtep_mac = *devices_.back().mac};
    const auto& own = interface_address(context.external, family);
    if (own != public_address(context.external, family)) data.source = own;
    (family == Family::v4 ? attributes_.backend_data : attributes_.backend_v6_data) = data.format();
  }
}

std::string VxlanBackend::make_name(Family family) const {
  std::string name = fmt::format("{}{}", name_prefix(family), options_.vni);
  if (name.size() > kMaxLinkName)
    throw base::ParseError(
        fmt::format("network config: key 'Backend.VNI': {} is too large for the name of an {} device, '{}'",
                    options_.vni, family_name(family), name));
  return name;
}

Device VxlanBackend::make_device(const BackendContext& context, Family family) const {
  const base::IpAddress published = *public_address(context.external, family);
  Device device;
  device.name = make_name(family);
  device.mtu = make_tunnel_mtu(
      context.external, options_.mtu,
      {.backend = kVxlan, .overhead = vxlan_overhead(family), .underlay = family, .inner = family});
  const base::IpAddress own = interface_address(context.external, family).value_or(published);
  device.mac = find_mac(context.devices, device.name, options_.vni);
  if (!device.mac) device.mac = find_published_mac(context.published, family, options_.vni);
  if (!device.mac) device.mac = derive_vtep_mac(options_.vni, published, own);
  device.lower = context.external.ifindex;
  device.network = context.config.of(family)->network;
  device.tx_checksum = options_.checksum_offload;
  // Behind a NAT the published address is not on this host, and packets from it would not get far.
  device.kind = VxlanDevice{
      .vni = options_.vni, .port = port_, .local = own, .learning = options_.learning, .gbp = options_.gbp};
  return device;
}

uint32_t VxlanBackend::mtu() const {
  uint32_t least = UINT32_MAX;
  for (const Device& device : devices_) least = std::min(least, device.mtu);
  return least;
}

NodePlan VxlanBackend::node_plan(const LeaseKey* own) const {
  NodePlan plan;
  for (const Device& device : devices_) {
    plan.devices.push_back(device);
    plan.route_links.push_back(device.name);
    plan.networks.push_back(device.network);
    const Family family = device.network.address.family();
    if (!own || !own->of(family)) continue;
    const base::IpAddress first = own->of(family)->network().address;
    plan.devices.back().address = IpNet{first, static_cast<uint8_t>(first.bits())};
  }
  // Without DirectRouting too: the routes that it left behind when it was on must go.
  plan.route_links.push_back(external_);
  plan.has_plain_routes = options_.direct_routing;
  return plan;
}

std::vector<TunnelPort> VxlanBackend::tunnel_ports() const {
  std::vector<TunnelPort> ports;
  for (const Device& device : devices_)
    ports.push_back({.family = device.network.address.family(), .device = device.name, .port = port_});
  return ports;
}

void VxlanBackend::plan_family(const Device& device, const Lease& peer, PeerPlan& plan) const {
  const Family family = device.network.address.family();
  if (!peer.key.of(family)) return;
  const IpNet subnet = peer.key.of(family)->network();
  const base::IpAddress remote = peer_address(peer, family);
  const std::string& text =
      family == Family::v4 ? peer.attributes.backend_data : peer.attributes.backend_v6_data;
  const auto data =
      decoding(fmt::format("lease of {}", peer.key.str()), [&] { return VxlanLeaseData::parse(text); });
  const base::MacAddress mac = data.vtep_mac;
  if (mac == device.mac)
    throw base::ParseError(fmt::format(
        "lease of {}: VTEP MAC {} is that of this node's own '{}'; if one machine is a clone of the other, "
        "give "
        "it a machine-id of its own (rm /etc/machine-id, systemd-machine-id-setup) and start it anew",
        peer.key.str(), mac, device.name));
  plan.senders.push_back(remote);
  if (data.source) plan.senders.push_back(*data.source);
  if (options_.direct_routing && is_directly_connected(routes_, remote)) {
    plan.routes.push_back({.dst = subnet, .gw = remote, .link = external_});
    return;
  }
  plan.neighbours.push_back({.link = device.name, .address = subnet.address, .mac = mac});
  plan.fdb.push_back({.link = device.name, .mac = mac, .dst = remote});
  plan.routes.push_back({.dst = subnet, .gw = subnet.address, .link = device.name, .onlink = true});
}

/// A cluster that changes its VNI has nodes of both for a while.
bool VxlanBackend::serves(const Lease& peer) const {
  if (peer.attributes.backend_type != kVxlan) return false;
  const auto vni = find_published_vni(peer.attributes);
  return !vni || *vni == options_.vni;
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
    refuse_misspelt(backend,
                    {"Type", "VNI", "Port", "MTU", "Learning", "GBP", "DirectRouting", "ChecksumOffload"},
                    "Backend");
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

std::optional<uint32_t> vxlan_device_overhead(std::string_view kind, std::string_view name) {
  if (kind != VxlanDevice::kLinkKind) return std::nullopt;
  for (const Family family : base::kFamilies) {
    if (!name.starts_with(name_prefix(family))) continue;
    const std::string_view vni = name.substr(name_prefix(family).size());
    if (!vni.empty() && vni.find_first_not_of("0123456789") == std::string_view::npos)
      return vxlan_overhead(family);
  }
  return std::nullopt;
}

base::MacAddress derive_vtep_mac(uint32_t vni, const base::IpAddress& public_address,
                                 const base::IpAddress& own_address) {
  // FNV-1a, then a mix that lets each bit of it count in each bit of the address.
  const uint32_t number = htole32(vni);
  uint64_t hash = base::fnv1a_64("flannel vtep");
  hash = base::fnv1a_64({reinterpret_cast<const char*>(&number), sizeof number}, hash);
  hash = base::fnv1a_64({reinterpret_cast<const char*>(public_address.data()), public_address.size()}, hash);
  if (own_address != public_address)
    hash = base::fnv1a_64({reinterpret_cast<const char*>(own_address.data()), own_address.size()}, hash);
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
