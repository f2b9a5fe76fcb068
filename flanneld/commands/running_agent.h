// What a command learns from the agent that runs on this node: it may have other flags than the command.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/json/json.h"
#include "flanneld/node/external_interface.h"
#include "flanneld/node/host_network.h"
#include "flanneld/options/options.h"

namespace flanneld {

/// The agent's status; nullopt: no flanneld answers at --status-listen.
std::optional<json::Value> ask_agent(const Options& options);

/// The subnet file of the agent, if it is not the one that the operator asks about: another network's agent
/// on this node. nullopt: it is, or the operator named none.
std::optional<std::string> find_other_subnet_file(const Options& options, const json::Value& status);

/// The options, with the agent's flags where the operator gave none. Flags that cannot be used are passed
/// over, and so are those of another network's agent.
Options with_flags_of(const Options& options, const std::optional<json::Value>& status);

/// The public IPv4 addresses of the agent's peers, the first thousand.
std::vector<base::IpAddress> peer_addresses(const json::Value& status);

/// The interface that the agent uses; nullopt: it has none, or the node has not.
std::optional<ExternalInterface> interface_of(const json::Value& status, const HostNetwork& host);

}  // namespace flanneld
