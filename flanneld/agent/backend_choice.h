// Which backend the node has: that of its configuration and, beside it, the one of the configuration before
// for as long as a peer has that.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "flanneld/backend/handover.h"
#include "flanneld/io/event_loop.h"
#include "flanneld/lease/network_config.h"
#include "flanneld/peers/peer_set.h"

namespace flanneld {

class BackendChoice {
 public:
  /// What others send on the way to a node that has just changed still comes by the former backend.
  static constexpr std::chrono::milliseconds kGrace{1000};

  /// `ended` is called when no peer needs the former backend any more: the backend is to be made again.
  BackendChoice(EventLoop& loop, std::function<void()> ended);

  /// The configurations that this node had before `now`, as text, the latest first: the first that has
  /// another backend is the former one. What is no configuration is passed over.
  void came_from(const std::vector<std::string>& earlier, const NetworkConfig& now,
                 NetworkConfig::Subnets subnets);

  /// Whether the present backend or the former one is of that type.
  [[nodiscard]] bool uses(std::string_view type, const NetworkConfig& now) const {
    return now.backend_type == type || (former_ && former_->backend_type == type);
  }

  /// Throws base::ParseError as make_backend() does, for the present configuration.
  std::shared_ptr<const Backend> make(const BackendContext& context);

  /// The peers have changed. One without a plan, as one whose subnet is outside the network, waits for
  /// nothing.
  void look(const PeerSet& peers);

  /// The former configuration, to go on with after a restart; empty: none.
  [[nodiscard]] const std::string& former_config() const { return text_; }
  /// What is under way, for people; nullopt: nothing.
  [[nodiscard]] std::optional<std::string> describe() const;

 private:
  void end();

  std::function<void()> ended_;
  std::string text_, now_;                ///< the former configuration; the present type
  std::optional<NetworkConfig> former_;   ///< what text_ says
  std::shared_ptr<const Handover> both_;  ///< null: there is one backend
  std::vector<LeaseKey> behind_;          ///< the peers that need the former one
  Timer grace_;
};

}  // namespace flanneld
