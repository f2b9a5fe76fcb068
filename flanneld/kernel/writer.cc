#include "flanneld/kernel/writer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cerrno>

#include "common/netlink/steps.h"
#include "flanneld/kernel/advice.h"

namespace flanneld {
namespace {

constexpr size_t kPortion = 256;  // the echoes of more might not fit into the monitor's socket

/// What is to be removed is gone already.
bool is_absence(int error_number) {
  return error_number == ENOENT || error_number == ESRCH || error_number == ENODEV ||
         error_number == EADDRNOTAVAIL;
}

std::string advice(const netlink::Route& route, int error_number) { return advice_on(route, error_number); }
template <class Entry>
std::string advice(const Entry& /*entry*/, int error_number) {
  return advice_on_entries(error_number);
}

/// Whether a refusal is this node's trouble, and not that of the peer for which the object was.
bool is_of_node(const netlink::Route& route, int error_number) {
  return route.type == netlink::Route::Type::blackhole || error_number == EPERM || error_number == EACCES;
}
template <class Entry>
bool is_of_node(const Entry& /*entry*/, int error_number) {
  return error_number == EPERM || error_number == EACCES;
}

std::string waiting_text(const std::string& link, size_t objects) {
  return fmt::format("there is no link '{}', for which {} {}", link, objects,
                     objects == 1 ? "object waits" : "objects wait");
}

}  // namespace

void KernelWriter::send(const KernelWrites& writes) {
  send_all(Verb::add, writes.put_neighbours, netlink::put_neighbour_request);
  send_all(Verb::add, writes.put_fdb, netlink::put_fdb_request);
  send_peers(Verb::add, writes.put_tunnel_peers);
  send_all(Verb::add, writes.put_routes, netlink::put_route_request);
  send_all(Verb::remove, writes.remove_routes, netlink::remove_route_request);
  send_peers(Verb::remove, writes.remove_tunnel_peers);
  send_all(Verb::remove, writes.remove_fdb, netlink::remove_fdb_request);
  send_all(Verb::remove, writes.remove_neighbours, netlink::remove_neighbour_request);
  for (const auto& [link, objects] : writes.missing_links) failures_.push_back(waiting_text(link, objects));
}

template <class Object>
void KernelWriter::send_all(Verb verb, const std::vector<Object>& objects,
                            netlink::Message (*make)(const Object&)) {
  const char* doing = verb == Verb::add ? "add" : "remove";
  for (size_t first = 0; first < objects.size(); first += kPortion) {
    const size_t end = std::min(objects.size(), first + kPortion);
    netlink::Steps steps;
    for (size_t i = first; i < end; ++i)
      steps.add(make(objects[i]), fmt::format("{} {}", doing, describe(objects[i])));
    const auto refusals = steps.send(socket_);
    writes_ += end - first - refusals.size();
    for (const auto& [place, error] : refusals) {
      if (verb == Verb::remove && is_absence(error.error_number())) continue;
      if (verb == Verb::add && make_room(objects[first + place], error.error_number())) continue;
      const Object& object = objects[first + place];
      auto& failures = is_of_node(object, error.error_number()) ? failures_ : peer_failures_;
      failures.push_back(fmt::format("{}{}", error.what(), advice(object, error.error_number())));
      if (verb == Verb::add) refused_.push_back(fmt::format("{} is missing", describe(object)));
    }
    sent_();
  }
}

void KernelWriter::send_peers(Verb verb, const std::vector<TunnelPeerWrite>& peers) {
  for (auto first = peers.begin(); first != peers.end();) {
    const auto end =
        std::find_if(first, peers.end(), [&](const auto& peer) { return peer.link != first->link; });
    std::vector<netlink::WireguardPeerChange> changes;
    for (auto one = first; one != end; ++one) changes.push_back(one->change);
    const auto refusals = wireguard_.change_peers(first->link, changes);
    writes_ += changes.size() - refusals.size();
    for (const auto& [place, error] : refusals) {
      if (verb == Verb::remove && is_absence(error.error_number())) continue;
      auto& failures = is_of_node(changes[place], error.error_number()) ? failures_ : peer_failures_;
      failures.push_back(fmt::format("{}{}", error.what(), advice_on_entries(error.error_number())));
      if (verb == Verb::add)
        refused_.push_back(fmt::format("{} is missing", describe(*(first + static_cast<ptrdiff_t>(place)))));
    }
    first = end;
    sent_();
  }
}

bool KernelWriter::make_room(const netlink::Route& route, int error_number) {
  if (error_number != EINVAL || !route.onlink || route.dst.address.is_v4()) return false;
  netlink::Route in_the_way;
  in_the_way.dst = route.dst;
  in_the_way.priority = route.priority;
  const std::string doing = fmt::format("replace {}", describe(route));
  netlink::Steps steps;
  steps.add(netlink::remove_route_request(in_the_way), doing);
  steps.add(netlink::put_route_request(route), doing);
  const size_t sent = steps.count();
  const auto refusals = steps.send(socket_);
  writes_ += sent - refusals.size();
  return refusals.empty() || refusals.back().place != 1;
}

std::vector<std::string> KernelWriter::describe(const KernelWrites& writes) const {
  std::vector<std::string> lines;
  const auto add = [&](const auto& objects, const char* what) {
    for (const auto& object : objects) lines.push_back(fmt::format("{} {}", describe(object), what));
  };
  for (const auto& [link, objects] : writes.missing_links) lines.push_back(waiting_text(link, objects));
  add(writes.put_routes, "is missing");
  add(writes.put_neighbours, "is missing");
  add(writes.put_fdb, "is missing");
  add(writes.put_tunnel_peers, "is missing");
  add(writes.remove_routes, "is not wanted");
  add(writes.remove_neighbours, "is not wanted");
  add(writes.remove_fdb, "is not wanted");
  add(writes.remove_tunnel_peers, "is not wanted");
  return lines;
}

std::string KernelWriter::on_link(int ifindex) const {
  const std::string* name = links_.name_of(ifindex);
  return name ? fmt::format("dev {}", *name) : fmt::format("dev #{}", ifindex);
}

std::string KernelWriter::describe(const netlink::Route& route) const {
  if (route.type == netlink::Route::Type::blackhole) return fmt::format("blackhole route {}", route.dst);
  if (!route.gw) return fmt::format("route {} {}", route.dst, on_link(route.ifindex));
  return fmt::format("route {} via {} {}", route.dst, *route.gw, on_link(route.ifindex));
}

std::string KernelWriter::describe(const netlink::Neighbour& neighbour) const {
  return fmt::format("neighbour {} lladdr {} {}", neighbour.address, neighbour.mac,
                     on_link(neighbour.ifindex));
}

std::string KernelWriter::describe(const TunnelPeerWrite& peer) {
  return peer.change.allowed.empty()
             ? fmt::format("a peer of {}", peer.link)
             : fmt::format("peer of {} for {}", peer.link, fmt::join(peer.change.allowed, ", "));
}

std::string KernelWriter::describe(const netlink::FdbEntry& entry) const {
  if (!entry.dst) return fmt::format("fdb entry {} {}", entry.mac, on_link(entry.ifindex));
  return fmt::format("fdb entry {} dst {} {}", entry.mac, *entry.dst, on_link(entry.ifindex));
}

}  // namespace flanneld
