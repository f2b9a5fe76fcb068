// The page for people, as HTML: all of it is made here, so that it says the same without JavaScript, which
// only fetches it again and puts the new content in the old one's place. Knows no agent. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "flanneld/page/peer_view.h"

namespace flanneld::page {

struct EventView {
  std::string time;
  Tone tone = Tone::good;
  std::string text;
};

struct View {
  std::string host, version;
  bool is_ready = false;
  std::vector<std::string> problems;                       ///< with what to do
  std::vector<std::pair<std::string, std::string>> facts;  ///< of the node: a name and a text
  PeerViews peers;                                         ///< in the order of their subnets
  std::vector<EventView> events;                           ///< the latest first
};

/// Rows of the table of peers; of more, those that are in trouble go first.
inline constexpr size_t kMostRows = 200;

/// `nonce` stands for all styles and scripts that are the page's own: see content_policy().
std::string document(const View& view, std::string_view nonce);
/// What a browser may do with it: nothing beside what is in it, and to ask this server again.
std::string content_policy(std::string_view nonce);

// What document() puts into its head.
extern const char* const kStyle;
extern const char* const kScript;

}  // namespace flanneld::page
