#include <fmt/format.h>

#include <cmath>
#include <iterator>
#include <numbers>

#include "flanneld/page/peer_view.h"
#include "flanneld/page/text.h"

namespace flanneld::page {
namespace {

constexpr size_t kMostAround = 48;  // beyond, names and lines would run into each other
constexpr size_t kMostFields = 5000;

std::string title_of(const PeerView& peer) {
  return fmt::format("<title>{} at {}: {}</title>", escape(peer.subnet), escape(peer.node),
                     escape(peer.state));
}

std::string legend(size_t top) {
  std::string text;
  int x = 10;
  for (const auto& [tone, word] : {std::pair{Tone::good, "reached"},
                                   {Tone::limited, "in part"},
                                   {Tone::bad, "not reached"},
                                   {Tone::unsure, "not known"}}) {
    fmt::format_to(std::back_inserter(text),
                   R"(<rect class="mark {}" x="{}" y="{}" width="12" height="12" rx="2"/>)"
                   R"(<text x="{}" y="{}">{}</text>)",
                   css_class(tone), x, top, x + 18, top + 11, word);
    x += 120;
  }
  return text;
}

/// The peers on an ellipse around this node.
std::string around(const PeerViews& peers, const std::string& own) {
  constexpr double kX = 250, kY = 150, kWide = 150, kHigh = 105;
  std::string lines, marks;
  for (size_t i = 0; i < peers.size(); ++i) {
    const PeerView& peer = peers[i];
    const double angle = 2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(peers.size()) -
                         std::numbers::pi / 2;
    const double cosine = std::cos(angle), sine = std::sin(angle);
    const double x = kX + kWide * cosine, y = kY + kHigh * sine;
    const char* name = css_class(peer.tone);
    fmt::format_to(std::back_inserter(lines),
                   R"(<line class="way {}" x1="{}" y1="{}" x2="{:.1f}" y2="{:.1f}"/>)", name, kX, kY, x, y);
    fmt::format_to(std::back_inserter(marks),
                   R"(<g>{}<circle class="mark {}" cx="{:.1f}" cy="{:.1f}" r="7"/>)", title_of(peer), name, x,
                   y);
    if (peer.tone == Tone::bad)
      fmt::format_to(std::back_inserter(marks), R"(<path class="cross" d="M{:.1f} {:.1f}l8 8m0 -8l-8 8"/>)",
                     x - 4, y - 4);
    if (peers.size() <= kMostAround / 2 || peer.tone != Tone::good)
      fmt::format_to(std::back_inserter(marks), R"(<text class="{}" x="{:.1f}" y="{:.1f}">{}</text>)",
                     cosine < -0.1  ? "left"
                     : cosine > 0.1 ? "right"
                                    : "middle",
                     x + 11 * cosine, y + (std::abs(cosine) <= 0.1 ? (sine < 0 ? -12 : 20) : 4),
                     escape(peer.subnet));
    marks += "</g>";
  }
  return fmt::format(
      R"(<svg viewBox="0 0 500 320" role="img" aria-label="This node and its peers">{}{})"
      R"(<circle class="own" cx="{}" cy="{}" r="12"/><text class="middle own" x="{}" y="{}">{}</text>{}</svg>)",
      lines, marks, kX, kY, kX, kY + 28, escape(own), legend(300));
}

/// A field for each peer, in the order of the subnets.
std::string fields(const PeerViews& peers) {
  const size_t shown = std::min(peers.size(), kMostFields);
  const size_t in_row = shown <= 500 ? 40 : 80;
  const size_t side = 480 / in_row, rows = (shown + in_row - 1) / in_row;
  std::string marks;
  for (size_t i = 0; i < shown; ++i) {
    const size_t x = 10 + i % in_row * side, y = 10 + i / in_row * side;
    fmt::format_to(std::back_inserter(marks),
                   R"(<g>{}<rect class="mark {}" x="{}" y="{}" width="{}" height="{}"/>)", title_of(peers[i]),
                   css_class(peers[i].tone), x, y, side - 1, side - 1);
    if (peers[i].tone == Tone::bad)
      fmt::format_to(std::back_inserter(marks), R"(<path class="cross" d="M{} {}l{} {}"/>)", x, y, side - 1,
                     side - 1);
    marks += "</g>";
  }
  const size_t bottom = 20 + rows * side;
  return fmt::format(R"(<svg viewBox="0 0 500 {}" role="img" aria-label="All peers">{}{}</svg>)", bottom + 20,
                     marks, legend(bottom));
}

}  // namespace

std::string picture(const PeerViews& peers, const std::string& own) {
  if (peers.empty()) return {};
  return peers.size() <= kMostAround ? around(peers, own) : fields(peers);
}

}  // namespace flanneld::page
