// What the page for people shows, from the agent's state. Pure.
#pragma once

#include <chrono>
#include <string>

#include "flanneld/agent/event_ring.h"
#include "flanneld/agent/status.h"
#include "flanneld/page/document.h"

namespace flanneld {

page::View make_page_view(const AgentStatus& status, const AgentEvents& events, const std::string& host,
                          std::chrono::sys_seconds now);

/// For /events: the latest first, each with its time, level and text.
json::OrderedValue events_json(const AgentEvents& events);

}  // namespace flanneld
