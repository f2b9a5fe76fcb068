#include "flanneld/peers/own_networks.h"

#include <fmt/format.h>

#include <algorithm>

namespace flanneld {
namespace {

using base::IpNet;
using Kind = OwnNetwork::Kind;

bool lies_within(const IpNet& inner, const IpNet& outer) {
  return inner.prefix >= outer.prefix && outer.contains(inner.address);
}

/// The pod network was cut out of a larger network of the node on purpose: the longer route is to win.
bool is_cut_out(const std::vector<OwnNetwork>& own, const IpNet& around, const IpNet& pod_network) {
  if (pod_network.prefix <= around.prefix || !around.contains(pod_network.address)) return false;
  return std::none_of(own.begin(), own.end(), [&](const OwnNetwork& one) {
    return one.kind == Kind::address && !one.may_serve_pods && pod_network.contains(one.net.address);
  });
}

bool collides(const std::vector<OwnNetwork>& own, const OwnNetwork& one, const IpNet& subnet,
              const IpNet& pod_network) {
  switch (one.kind) {
    case Kind::connected:
      return one.net.overlaps(subnet) && !is_cut_out(own, one.net, pod_network);
    case Kind::address:
      return subnet.contains(one.net.address);
    case Kind::routed:
      return one.net.network() == subnet.network();
  }
  return false;
}

std::string describe(const OwnNetwork& one) {
  switch (one.kind) {
    case Kind::connected:
      return fmt::format("overlaps {}, to which this node is connected by '{}'", one.net, one.link);
    case Kind::address:
      return fmt::format("holds this node's own address {} of '{}'", one.net.address, one.link);
    case Kind::routed:
      return fmt::format("is what this node's own route through '{}' leads to", one.link);
  }
  return "";
}

template <class IsLeftOut>
std::optional<std::string> find(const std::vector<OwnNetwork>& own, const IpNet& subnet,
                                const IpNet& pod_network, IsLeftOut&& is_left_out) {
  for (const OwnNetwork& one : own)
    if (!is_left_out(one) && collides(own, one, subnet, pod_network))
      return fmt::format("subnet {} {}", subnet, describe(one));
  return std::nullopt;
}

}  // namespace

std::optional<std::string> find_collision(const std::vector<OwnNetwork>& own, const IpNet& subnet,
                                          const IpNet& pod_network) {
  return find(own, subnet, pod_network, [](const OwnNetwork&) { return false; });
}

std::optional<std::string> find_own_collision(const std::vector<OwnNetwork>& own, const IpNet& subnet,
                                              const IpNet& pod_network) {
  return find(own, subnet, pod_network, [&](const OwnNetwork& one) {
    return one.kind == Kind::routed || (one.may_serve_pods && lies_within(one.net, subnet));
  });
}

std::vector<OwnNetwork> colliding_networks(const std::vector<OwnNetwork>& own, const IpNet& pod_network) {
  std::vector<OwnNetwork> colliding;
  for (const OwnNetwork& one : own) {
    const bool overlaps = one.kind == Kind::address
                              ? pod_network.contains(one.net.address)
                              : one.kind == Kind::connected && one.net.overlaps(pod_network);
    const bool is_named = std::any_of(colliding.begin(), colliding.end(), [&](const OwnNetwork& other) {
      return lies_within(one.net, other.net);
    });
    if (overlaps && !is_named && !one.may_serve_pods && !is_cut_out(own, one.net, pod_network))
      colliding.push_back(one);
  }
  return colliding;
}

}  // namespace flanneld
