#include "flanneld/agent/call_metrics.h"

#include <fmt/format.h>

#include <iterator>

namespace flanneld {
namespace {

constexpr const char* kDuration = "flanneld_cni_call_duration_seconds";
constexpr const char* kFailures = "flanneld_cni_call_failures_total";

void add_histogram(std::string& text, const char* verb, const flannel::CallCounts& counts) {
  const auto out = std::back_inserter(text);
  uint64_t calls = 0;
  for (size_t i = 0; i < counts.took.size(); ++i) {
    calls += counts.took[i];
    const bool is_last = i == flannel::kCallBounds.size();
    fmt::format_to(out, "{}_bucket{{verb=\"{}\",le=\"{}\"}} {}\n", kDuration, verb,
                   is_last ? "+Inf" : fmt::format("{}", flannel::kCallBounds[i] / 1000.0), calls);
  }
  fmt::format_to(out, "{}_sum{{verb=\"{}\"}} {:.6f}\n", kDuration, verb,
                 static_cast<double>(counts.microseconds) / 1e6);
  fmt::format_to(out, "{}_count{{verb=\"{}\"}} {}\n", kDuration, verb, calls);
}

void add_failures(std::string& text, const char* verb, const flannel::CallCounts& counts) {
  for (size_t code = 0; code < counts.failures.size(); ++code)
    if (counts.failures[code] != 0)
      fmt::format_to(std::back_inserter(text), "{}{{verb=\"{}\",code=\"{}\"}} {}\n", kFailures, verb,
                     code + 1 == counts.failures.size() ? "other" : fmt::format("{}", code),
                     counts.failures[code]);
}

}  // namespace

std::string call_metrics(const std::optional<flannel::CallCounts>& add,
                         const std::optional<flannel::CallCounts>& del) {
  if (!add || !del) return "";
  std::string text = fmt::format(
      "# HELP {0} What calls of the plugin that succeeded took.\n# TYPE {0} histogram\n", kDuration);
  add_histogram(text, "ADD", *add);
  add_histogram(text, "DEL", *del);
  fmt::format_to(
      std::back_inserter(text),
      "# HELP {0} Calls of the plugin that failed, by the code of their error.\n# TYPE {0} counter\n",
      kFailures);
  add_failures(text, "ADD", *add);
  add_failures(text, "DEL", *del);
  return text;
}

}  // namespace flanneld
