// A peer as people see it: one state for all that is known of it. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace flanneld::page {

enum class Tone : uint8_t {
  good,     ///< it is reached
  unsure,   ///< nothing is known yet
  limited,  ///< some packets are lost
  bad       ///< it is not reached
};
/// The class of elements that have it.
const char* css_class(Tone tone);

struct PeerView {
  std::string subnet, node, backend;  ///< as their owner published them
  Tone tone = Tone::unsure;
  std::string state;       ///< in some words
  std::string round_trip;  ///< with its unit; empty: not known
  std::string path_mtu;    ///< likewise, bytes
  std::string loss;        ///< likewise, per cent
  std::string since;       ///< how long it has been so
};
using PeerViews = std::vector<PeerView>;

/// All peers as a picture (SVG): around this node if they are some, as fields of a table if they are many.
/// Who is not reached is seen at a glance, also without colours.
std::string picture(const PeerViews& peers, const std::string& own);

}  // namespace flanneld::page
