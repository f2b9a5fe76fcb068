// Sends many small requests in few system calls, and says of each refused one what it was to do.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "common/netlink/socket.h"
#include "flanneld/kernel/diff.h"
#include "flanneld/kernel/wireguard_access.h"

namespace flanneld {

class KernelWriter {
 public:
  /// `sent` is called after each portion, for instance to take in its echoes.
  KernelWriter(netlink::NetlinkSocket& socket, WireguardAccess& wireguard, const LinkIndexes& links,
               std::function<void()> sent)
      : socket_(socket), wireguard_(wireguard), links_(links), sent_(std::move(sent)) {}

  /// Neighbours, FDB rows and tunnel peers before the routes that need them, removals the other way round. A
  /// refused request is a failure of that object alone. Throws SystemError when the socket fails.
  void send(const KernelWrites& writes);

  /// What send() would find missing or too much, an object a line.
  [[nodiscard]] std::vector<std::string> describe(const KernelWrites& writes) const;

  [[nodiscard]] uint64_t writes() const { return writes_; }
  /// What the node itself lacks: a link, a blackhole route, the right to change anything.
  [[nodiscard]] const std::vector<std::string>& failures() const { return failures_; }
  /// What the kernel refuses of what single peers need.
  [[nodiscard]] const std::vector<std::string>& peer_failures() const { return peer_failures_; }
  /// The lines that describe() has for objects whose put was refused.
  [[nodiscard]] const std::vector<std::string>& refused() const { return refused_; }

 private:
  enum class Verb { add, remove };
  template <class Object>
  void send_all(Verb verb, const std::vector<Object>& objects, netlink::Message (*make)(const Object&));
  void send_peers(Verb verb, const std::vector<TunnelPeerWrite>& peers);
  /// IPv6 refuses an on-link gateway that another link's route leads to, even the very route that is to be
  /// replaced: removes that one first. True if the route is there now.
  bool make_room(const netlink::Route& route, int error_number);
  template <class Object>
  bool make_room(const Object& /*object*/, int /*error_number*/) {
    return false;
  }
  [[nodiscard]] std::string describe(const netlink::Route& route) const;
  [[nodiscard]] std::string describe(const netlink::Neighbour& neighbour) const;
  [[nodiscard]] std::string describe(const netlink::FdbEntry& entry) const;
  [[nodiscard]] static std::string describe(const TunnelPeerWrite& peer);
  [[nodiscard]] std::string on_link(int ifindex) const;

  netlink::NetlinkSocket& socket_;
  WireguardAccess& wireguard_;
  const LinkIndexes& links_;
  std::function<void()> sent_;
  uint64_t writes_ = 0;
  std::vector<std::string> failures_, peer_failures_, refused_;
};

}  // namespace flanneld
