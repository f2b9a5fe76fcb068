#include "flanneld/lease/lease.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>

#include "flanneld/lease/go_json.h"

namespace flanneld {
namespace {

using base::Family;
using base::IpAddress;
using base::IpNet;
using base::ParseError;

constexpr unsigned kMaxLen = 31, kMaxIpv6Len = 127;  // upstream reads 5 and 7 bits
constexpr std::string_view kNoSubnet = "0.0.0.0-0";
constexpr const char* kPublicIp = "PublicIP";
constexpr const char* kPublicIpv6 = "PublicIPv6";
constexpr const char* kBackendType = "BackendType";
constexpr const char* kBackendData = "BackendData";
constexpr const char* kBackendV6Data = "BackendV6Data";

struct SplitName {
  std::string_view head;  ///< what stands before the dash
  unsigned length = 0;
};

/// Splits "<head>-<digits>" at its last dash.
std::optional<SplitName> split_length(std::string_view text, unsigned max) {
  const size_t dash = text.rfind('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const std::string_view digits = text.substr(dash + 1);
  SplitName split{text.substr(0, dash), 0};
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), split.length);
  if (error != std::errc{} || end != digits.data() + digits.size() || split.length > max) return std::nullopt;
  return split;
}

/// The dotted quad that `text` ends in; anything may stand before it.
std::string_view trailing_quad(std::string_view text) {
  size_t begin = text.size();
  for (int dots = 0; begin > 0; --begin) {
    const char c = text[begin - 1];
    if (c == '.' && ++dots > 3) break;
    if (c != '.' && (c < '0' || c > '9')) break;
  }
  return text.substr(begin);
}

std::optional<IpNet> parse_subnet(std::string_view text) {
  const auto split = split_length(text, kMaxLen);
  if (!split) return std::nullopt;
  const auto address = IpAddress::parse(trailing_quad(split->head));
  if (!address || !address->is_v4()) return std::nullopt;
  return IpNet{*address, static_cast<uint8_t>(split->length)};
}

std::optional<IpNet> parse_ipv6_subnet(std::string_view text) {
  const auto split = split_length(text, kMaxIpv6Len);
  if (!split || split->head.find_first_not_of("0123456789abcdef:") != std::string_view::npos)
    return std::nullopt;
  const auto address = IpAddress::parse(split->head);
  if (!address || address->is_v4()) return std::nullopt;
  return IpNet{*address, static_cast<uint8_t>(split->length)};
}

std::string format_subnet(const IpNet& subnet) { return fmt::format("{}-{}", subnet.address, subnet.prefix); }

/// The value of `key` as compact text, its members in their order, which `sorted` has lost.
std::string raw_text(const json::Value& sorted, const json::OrderedValue& ordered, const char* key) {
  const json::Value* value = json::find(sorted, key);
  if (!value) return {};
  auto entry = sorted.begin();
  while (&*entry != value) ++entry;
  return ordered.at(entry.key()).dump();
}

/// Why no packet for another node should be sent to `address`; empty if it may.
std::string address_fault(const IpAddress& address, const IpNet& network) {
  if (address.is_multicast()) return "is a multicast address";
  if (address.is_loopback()) return "is a loopback address";
  if (address.is_v4() && address.data()[0] == 0) return "is not the address of a node";
  if (address.is_v4() && address == IpAddress::v4(UINT32_MAX)) return "is the broadcast address";
  // Without a zone it means nothing.
  if (!address.is_v4() && address.is_link_local()) return "is a link-local address";
  if (network.contains(address)) return fmt::format("lies in the pod network {}", network);
  return {};
}

std::optional<IpAddress> public_address(const LeaseAttributes& attributes, Family family) {
  const auto address = family == Family::v4 ? attributes.public_ip : attributes.public_ipv6;
  return address && address->is_unspecified() ? std::nullopt : address;
}

std::string subnet_fault(const IpNet& subnet, const FamilyConfig& config) {
  if (subnet != subnet.network()) return "has host bits set";
  if (!config.network.contains(subnet.address) || subnet.prefix <= config.network.prefix)
    return fmt::format("is not a part of the network {}", config.network);
  // SubnetMin and SubnetMax may have been others when the lease was made.
  const auto& lens = config.peer_lens;
  if (!lens.empty() && std::find(lens.begin(), lens.end(), subnet.prefix) == lens.end())
    return fmt::format("has another length than the /{} of the network config", config.subnet_len);
  return {};
}

/// The first fault of one family's part, empty if there is none.
std::string family_fault(const Lease& peer, const FamilyConfig& config, const Lease* own) {
  const IpNet& network = config.network;
  const Family family = network.address.family();
  const IpNet& subnet = *peer.key.of(family);
  if (const std::string fault = subnet_fault(subnet, config); !fault.empty())
    return fmt::format("subnet {} {}", subnet, fault);
  if (own && own->key.of(family) && own->key.of(family)->overlaps(subnet))
    return fmt::format("subnet {} overlaps this node's own {}", subnet, *own->key.of(family));
  const auto address = public_address(peer.attributes, family);
  if (!address) return {};
  std::string fault = address_fault(*address, network);
  if (fault.empty() && own && public_address(own->attributes, family) == address)
    fault = "is this node's own";
  return fault.empty() ? fault : fmt::format("public {} address {} {}", family_name(family), *address, fault);
}

}  // namespace

bool LeaseKey::shares_subnet(const LeaseKey& other) const {
  return (subnet && subnet == other.subnet) || (ipv6_subnet && ipv6_subnet == other.ipv6_subnet);
}

std::optional<LeaseKey> LeaseKey::parse(std::string_view name) {
  LeaseKey key;
  const size_t ampersand = name.rfind('&');
  const std::string_view tail = ampersand == std::string_view::npos ? "" : name.substr(ampersand + 1);
  key.ipv6_subnet = parse_ipv6_subnet(tail);
  if (key.ipv6_subnet) name = name.substr(0, ampersand);
  key.subnet = parse_subnet(name);
  if (!key.subnet) return std::nullopt;
  if (format_subnet(*key.subnet) == kNoSubnet) key.subnet.reset();
  return key.subnet || key.ipv6_subnet ? std::optional(key) : std::nullopt;
}

std::string LeaseKey::format() const {
  std::string name = subnet ? format_subnet(*subnet) : std::string(kNoSubnet);
  return ipv6_subnet ? fmt::format("{}&{}", name, format_subnet(*ipv6_subnet)) : name;
}

std::string LeaseKey::str() const {
  if (!subnet) return ipv6_subnet ? ipv6_subnet->str() : "no subnet";
  return ipv6_subnet ? fmt::format("{} and {}", *subnet, *ipv6_subnet) : subnet->str();
}

LeaseAttributes LeaseAttributes::parse(std::string_view text) {
  return decoding("lease attributes", [&] {
    const json::Value document = parse_object(text, kMaxLeaseBytes);
    if (is_null(document, kPublicIp)) throw ParseError("key 'PublicIP' is null, must be an IPv4 address");
    LeaseAttributes attributes;
    attributes.public_ip = get_family_address(document, kPublicIp, Family::v4).value_or(IpAddress::v4(0));
    attributes.public_ipv6 = get_family_address(document, kPublicIpv6, Family::v6);
    attributes.backend_type = json::get_string(document, kBackendType, "");
    if (json::find(document, kBackendData) || json::find(document, kBackendV6Data)) {
      const auto ordered = json::OrderedValue::parse(text);  // its depth was checked above
      attributes.backend_data = raw_text(document, ordered, kBackendData);
      attributes.backend_v6_data = raw_text(document, ordered, kBackendV6Data);
    }
    return attributes;
  });
}

std::string LeaseAttributes::format() const {
  std::string members = fmt::format(R"("{}":"{}","{}":{})", kPublicIp, public_ip, kPublicIpv6,
                                    public_ipv6 ? fmt::format(R"("{}")", *public_ipv6) : std::string("null"));
  const auto add = [&](const char* key, const std::string& value) {
    fmt::format_to(std::back_inserter(members), R"(,"{}":{})", key, value);
  };
  if (!backend_type.empty()) add(kBackendType, json::Value(backend_type).dump());
  if (!backend_data.empty()) add(kBackendData, backend_data);
  if (!backend_v6_data.empty()) add(kBackendV6Data, backend_v6_data);
  return fmt::format("{{{}}}", members);
}

base::IpAddress node_address(const LeaseAttributes& attributes) {
  return attributes.public_ip.is_unspecified() ? attributes.public_ipv6.value_or(base::IpAddress())
                                               : attributes.public_ip;
}

bool is_same_node(const LeaseAttributes& a, const LeaseAttributes& b) {
  if (!a.public_ip.is_unspecified() || !b.public_ip.is_unspecified()) return a.public_ip == b.public_ip;
  return a.public_ipv6 && a.public_ipv6 == b.public_ipv6;
}

std::optional<std::string> find_fault(const Lease& peer, const NetworkConfig& config, const Lease* own) {
  bool usable = false;
  for (const Family family : base::kFamilies) {
    if (!config.of(family) || !peer.key.of(family)) continue;
    usable = true;
    std::string fault = family_fault(peer, *config.of(family), own);
    if (!fault.empty()) return fault;
  }
  if (!usable) return "no subnet of a family that the network config enables";
  return std::nullopt;
}

}  // namespace flanneld
