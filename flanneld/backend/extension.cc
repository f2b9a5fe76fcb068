#include "flanneld/backend/extension.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "common/base/error.h"
#include "flanneld/backend/node_addresses.h"
#include "flanneld/backend/registry.h"
#include "flanneld/io/command_line.h"
#include "flanneld/lease/go_json.h"

namespace flanneld {
namespace {

using base::Family;
using base::IpNet;

constexpr const char* kExtension = "extension";
constexpr const char *kBefore = "PreStartupCommand", *kAfter = "PostStartupCommand",
                     *kAdd = "SubnetAddCommand", *kRemove = "SubnetRemoveCommand",
                     *kShutdown = "ShutdownCommand";

struct Commands {
  std::string before_lease, after_lease;
  PeerCommands peers;
  bool has_shutdown = false;

  static Commands parse(const NetworkConfig& config) {
    return decoding("network config", [&] {
      const json::Value& options = config.backend;
      refuse_misspelt(options, {"Type", kBefore, kAfter, kAdd, kRemove, kShutdown}, "Backend");
      const auto text = [&](const char* key) {
        return std::string(trim_white_space(json::get_string(options, key, "Backend")));
      };
      return Commands{.before_lease = text(kBefore),
                      .after_lease = text(kAfter),
                      .peers = {.add = text(kAdd), .remove = text(kRemove)},
                      .has_shutdown = !text(kShutdown).empty()};
    });
  }
};

/// Text as a JSON string with the bytes that Go's encoder writes.
std::string go_json_string(const std::string& text) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kEscapes{
      {{"<", "\\u003c"}, {">", "\\u003e"}, {"&", "\\u0026"}, {"\u2028", "\\u2028"}, {"\u2029", "\\u2029"}}};
  std::string json = json::Value(text).dump(-1, ' ', false, json::Value::error_handler_t::replace);
  for (const auto& [from, to] : kEscapes)
    for (size_t at = json.find(from); at != std::string::npos; at = json.find(from, at + to.size()))
      json.replace(at, from.size(), to);
  return json;
}

/// The address of the interface itself, whatever --public-ip says: so does Go flanneld, for this backend
/// alone.
LeaseAttributes own_attributes(const BackendContext& context) {
  LeaseAttributes attributes = make_attributes(context, kExtension);
  if (const auto address = interface_address(context.external, Family::v4); address && context.config.ipv4)
    attributes.public_ip = *address;
  if (const auto address = interface_address(context.external, Family::v6); address && context.config.ipv6)
    attributes.public_ipv6 = address;
  if (context.startup_output) attributes.backend_data = go_json_string(*context.startup_output);
  if (attributes.format().size() > kMaxLeaseBytes)
    throw base::ParseError(fmt::format(
        "what {} wrote makes a lease of more than the {} bytes that it may have", kBefore, kMaxLeaseBytes));
  return attributes;
}

/// As Go prints it where there is none.
std::string str(const std::optional<IpNet>& net, const char* none) {
  return net ? net->network().str() : none;
}

/// What a peer's PreStartupCommand wrote.
std::string startup_output_of(const Lease& peer) {
  if (peer.attributes.backend_data.empty()) return {};
  const json::Value data = json::parse(peer.attributes.backend_data, "its backend data");
  if (!data.is_string())
    throw base::ParseError(fmt::format("lease of {}: its backend data must be a string, not {}",
                                       peer.key.str(), data.type_name()));
  return data.get<std::string>();
}

class ExtensionBackend : public Backend {
 public:
  explicit ExtensionBackend(const BackendContext& context)
      : commands_(Commands::parse(context.config)),
        attributes_(own_attributes(context)),
        mtu_(context.external.mtu),
        has_ipv4_(context.config.ipv4.has_value()),
        is_behind_nat_(attributes_.public_ip != make_attributes(context, "").public_ip) {
    plan_.route_links = {context.external.name};
    for (const Family family : families_of(context.config))
      plan_.networks.push_back(context.config.of(family)->network);
    if (context.config.ipv4) network_ = context.config.ipv4->network;
  }

  [[nodiscard]] LeaseAttributes attributes() const override { return attributes_; }
  [[nodiscard]] uint32_t mtu() const override { return mtu_; }
  [[nodiscard]] NodePlan node_plan(const LeaseKey* /*own*/) const override { return plan_; }

  [[nodiscard]] std::optional<PlannedCommand> command_after_lease(const LeaseKey& own) const override {
    if (commands_.after_lease.empty()) return std::nullopt;
    const auto& ipv6 = attributes_.public_ipv6;
    return PlannedCommand{.text = commands_.after_lease,
                          .variables = {fmt::format("NETWORK={}", str(network_, "0.0.0.0/0")),
                                        fmt::format("SUBNET={}", str(own.subnet, "0.0.0.0/0")),
                                        fmt::format("IPV6SUBNET={}", str(own.ipv6_subnet, "::/0")),
                                        fmt::format("PUBLIC_IP={}", attributes_.public_ip),
                                        fmt::format("PUBLIC_IPV6={}", ipv6 ? ipv6->str() : "<nil>")}};
  }

  [[nodiscard]] PeerCommands peer_commands() const override { return commands_.peers; }

  [[nodiscard]] PeerPlan peer_plan(const Lease& peer) const override {
    check_backend_type(peer, kExtension);
    PeerPlan plan;
    // There is no variable for another family's subnet.
    if (commands_.peers.empty() || !peer.key.subnet) return plan;
    plan.notice = PlannedNotice{.subnet = peer.key.subnet->network(),
                                .address = peer_address(peer, Family::v4),
                                .data = startup_output_of(peer)};
    return plan;
  }

  [[nodiscard]] std::vector<std::string> hints() const override {
    std::vector<std::string> hints;
    if (commands_.has_shutdown)
      hints.push_back(
          fmt::format("backend 'extension' runs no {}: the data path stays when flanneld ends", kShutdown));
    if (!has_ipv4_ && !commands_.peers.empty())
      hints.push_back(
          fmt::format("backend 'extension' tells {} and {} of IPv4 subnets alone", kAdd, kRemove));
    if (is_behind_nat_)
      hints.push_back(
          fmt::format("backend 'extension' publishes the interface's own address, {}, and not that of "
                      "--public-ip",
                      attributes_.public_ip));
    return hints;
  }

 private:
  Commands commands_;
  LeaseAttributes attributes_;
  uint32_t mtu_;
  bool has_ipv4_, is_behind_nat_;
  std::optional<IpNet> network_;
  NodePlan plan_;  ///< nothing but where another backend's routes may be left
};

}  // namespace

std::optional<PlannedCommand> command_before_lease(const NetworkConfig& config) {
  if (config.backend_type != kExtension) return std::nullopt;
  std::string text = Commands::parse(config).before_lease;
  return text.empty() ? std::nullopt
                      : std::optional(PlannedCommand{.text = std::move(text), .variables = {}});
}

std::unique_ptr<Backend> make_extension_backend(const BackendContext& context) {
  return std::make_unique<ExtensionBackend>(context);
}

}  // namespace flanneld
