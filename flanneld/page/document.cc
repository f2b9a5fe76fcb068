#include "flanneld/page/document.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "flanneld/page/text.h"

namespace flanneld::page {
namespace {

std::string summary(const View& view) {
  size_t reached = 0;
  for (const PeerView& peer : view.peers) reached += peer.tone == Tone::good ? 1 : 0;
  return fmt::format(
      R"(<header><h1>{}</h1><p><b class="pill {}">{}</b> {} of {} peers reached <small>flanneld {}</small></p></header>)",
      escape(view.host), view.is_ready ? "good" : "bad", view.is_ready ? "ready" : "not ready", reached,
      view.peers.size(), escape(view.version));
}

std::string problems(const View& view) {
  if (view.problems.empty())
    return R"(<section><h2>What is wrong</h2><p class="none">Nothing.</p></section>)";
  std::string items;
  for (const std::string& problem : view.problems)
    fmt::format_to(std::back_inserter(items), "<li>{}</li>", escape(problem));
  return fmt::format(R"(<section class="wrong"><h2>What is wrong</h2><ul>{}</ul></section>)", items);
}

std::string facts(const View& view) {
  std::string rows;
  for (const auto& [name, text] : view.facts)
    fmt::format_to(std::back_inserter(rows), "<dt>{}</dt><dd>{}</dd>", escape(name), escape(text));
  return fmt::format("<section><h2>Node</h2><dl>{}</dl></section>", rows);
}

/// What a cell holds stands before it on a phone, where a row is a card.
std::string cell(const char* label, const std::string& text) {
  return fmt::format(R"(<td data-label="{}">{}</td>)", label, text.empty() ? "–" : escape(text));
}

std::vector<const PeerView*> rows_of(const PeerViews& peers) {
  std::vector<const PeerView*> rows;
  for (const PeerView& peer : peers) rows.push_back(&peer);
  std::stable_sort(rows.begin(), rows.end(),
                   [](const PeerView* a, const PeerView* b) { return a->tone > b->tone; });
  if (rows.size() > kMostRows) rows.resize(kMostRows);
  return rows;
}

std::string peers(const View& view) {
  if (view.peers.empty()) return R"(<section><h2>Peers</h2><p class="none">None.</p></section>)";
  std::string rows;
  for (const PeerView* peer : rows_of(view.peers))
    fmt::format_to(std::back_inserter(rows), R"(<tr class="{}">{}{}{}{}{}{}{}{}</tr>)", css_class(peer->tone),
                   cell("Subnet", peer->subnet), cell("Node", peer->node), cell("Backend", peer->backend),
                   cell("State", peer->state), cell("Round trip", peer->round_trip),
                   cell("Path MTU", peer->path_mtu), cell("Lost", peer->loss), cell("Since", peer->since));
  const std::string more =
      view.peers.size() <= kMostRows
          ? ""
          : fmt::format(R"(<p class="none">{} more: see <a href="/peers">/peers</a>.</p>)",
                        view.peers.size() - kMostRows);
  return fmt::format(
      R"(<section><h2>Peers</h2>{}<table><thead><tr><th>Subnet<th>Node<th>Backend<th>State<th>Round trip)"
      R"(<th>Path MTU<th>Lost<th>Since</tr></thead><tbody>{}</tbody></table>{}</section>)",
      picture(view.peers, view.host), rows, more);
}

std::string events(const View& view) {
  std::string items;
  for (const EventView& event : view.events)
    fmt::format_to(std::back_inserter(items), R"(<li class="{}"><time>{}</time> {}</li>)",
                   css_class(event.tone), escape(event.time), escape(event.text));
  return fmt::format(R"(<section><h2>What happened</h2><ol class="events">{}</ol></section>)", items);
}

}  // namespace

std::string document(const View& view, std::string_view nonce) {
  return fmt::format(
      R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>flanneld on {0}</title><noscript><meta http-equiv="refresh" content="10"></noscript>
<style nonce="{1}">{2}</style></head>
<body><p id="stale" hidden>This agent does not answer: what follows is old.</p><main>
{3}{4}{5}{6}{7}
</main><footer>As JSON: <a href="/status">/status</a> <a href="/peers">/peers</a> <a href="/events">/events</a>
<a href="/leases">/leases</a> <a href="/routes">/routes</a>; <a href="/metrics">/metrics</a> <a href="/healthz">/healthz</a>
<a href="/readyz">/readyz</a></footer><script nonce="{1}">{8}</script></body></html>
)",
      escape(view.host), nonce, kStyle, summary(view), problems(view), peers(view), facts(view), events(view),
      kScript);
}

std::string content_policy(std::string_view nonce) {
  return fmt::format(
      "default-src 'none'; style-src 'nonce-{0}'; script-src 'nonce-{0}'; connect-src 'self'; base-uri "
      "'none'; "
      "form-action 'none'; frame-ancestors 'none'",
      nonce);
}

}  // namespace flanneld::page
