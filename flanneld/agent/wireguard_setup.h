// What the wireguard backend needs of the node: a key, and a program that serves its devices where the kernel
// has no WireGuard.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/netlink/wireguard_state.h"
#include "flanneld/io/child.h"
#include "flanneld/io/event_loop.h"
#include "flanneld/options/options.h"

namespace flanneld {

class WireguardSetup {
 public:
  /// `changed` is called when a program has started, or could not.
  WireguardSetup(EventLoop& loop, const Options& options, std::function<void()> changed);
  WireguardSetup(const WireguardSetup&) = delete;
  WireguardSetup& operator=(const WireguardSetup&) = delete;

  /// The node's private key. It is read or made once. Throws base::ParseError and SystemError.
  const netlink::WireguardKey& key();

  /// Starts wireguard-go for a link that is not there. The program detaches itself: it stays when the agent
  /// ends, and ends with the link.
  void start_program(const std::string& link);

  /// Why there is no program; nullopt: none is needed, or it has started.
  [[nodiscard]] const std::optional<std::string>& problem() const { return problem_; }

 private:
  void finish(const ChildResult& result);

  EventLoop& loop_;
  const Options& options_;
  std::function<void()> changed_;
  std::optional<netlink::WireguardKey> key_;
  std::unique_ptr<Child> starting_;
  std::optional<std::string> problem_;
};

}  // namespace flanneld
