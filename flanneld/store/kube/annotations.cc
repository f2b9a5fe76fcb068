#include "flanneld/store/kube/annotations.h"

#include <fmt/format.h>

#include <array>
#include <iterator>
#include <vector>

#include "common/base/error.h"
#include "common/base/text.h"
#include "common/base/time_text.h"
#include "flanneld/lease/go_json.h"

namespace flanneld {
namespace {

using base::Family;
using base::ParseError;

/// Those that this node writes.
constexpr std::array kPublished{annotation::kBackendData,   annotation::kBackendType,
                                annotation::kBackendV6Data, annotation::kMarker,
                                annotation::kPublicIp,      annotation::kPublicIpv6};

/// A JSON string as Go's encoder writes it.
std::string go_quoted(const std::string& text) {
  std::string result;
  const std::string plain = json::Value(text).dump(-1, ' ', false, json::Value::error_handler_t::replace);
  for (size_t at = 0; at < plain.size(); ++at) {
    const char one = plain[at];
    const std::string_view rest = std::string_view{plain}.substr(at);
    if (one == '<' || one == '>' || one == '&')
      fmt::format_to(std::back_inserter(result), "\\u{:04x}", static_cast<unsigned>(one));
    else if (rest.starts_with("\u2028") || rest.starts_with("\u2029"))
      result += rest[2] == '\xa8' ? "\\u2028" : "\\u2029", at += 2;
    else
      result += one;
  }
  return result;
}

std::string text_of(const Annotations& annotations, const char* name) {
  const auto found = annotations.find(name);
  return found == annotations.end() ? "" : found->second;
}

std::string or_null(const std::string& data) { return data.empty() ? "null" : data; }

/// JSON text as the lease holds it; empty for null. Throws ParseError.
std::string backend_data(const std::string& text) {
  if (text.empty()) return {};
  json::check_depth(text, "its backend data");
  const auto value = json::OrderedValue::parse(text, nullptr, false);
  if (value.is_discarded()) throw ParseError("its backend data are no JSON");
  return value.is_null() ? "" : value.dump(-1, ' ', false, json::OrderedValue::error_handler_t::replace);
}

}  // namespace

Annotations wanted_annotations(const LeaseAttributes& attributes, const Annotations& present) {
  const bool is_vxlan = attributes.backend_type == "vxlan";
  const bool has_v4 = !is_vxlan || !attributes.backend_data.empty();
  const bool has_v6 = is_vxlan ? !attributes.backend_v6_data.empty()
                               : attributes.public_ipv6 && !attributes.backend_type.empty();
  const auto address = [&](const char* overwrite, const base::IpAddress& own) {
    const std::string other = text_of(present, overwrite);
    return other.empty() ? own.str() : other;
  };
  Annotations wanted{{annotation::kBackendType, attributes.backend_type}, {annotation::kMarker, "true"}};
  if (has_v4) {
    // Go flanneld's backend `extension` makes no difference between none and empty ones.
    wanted[annotation::kBackendData] =
        attributes.backend_type == "extension" ? attributes.backend_data : or_null(attributes.backend_data);
    wanted[annotation::kPublicIp] = address(annotation::kPublicIpOverwrite, attributes.public_ip);
  }
  if (has_v6) {
    wanted[annotation::kBackendV6Data] = or_null(attributes.backend_v6_data);
    if (attributes.public_ipv6)
      wanted[annotation::kPublicIpv6] = address(annotation::kPublicIpv6Overwrite, *attributes.public_ipv6);
  }
  return wanted;
}

void read_backend(const Annotations& annotations, Family family, LeaseAttributes& attributes) {
  const bool is_v4 = family == Family::v4;
  (is_v4 ? attributes.backend_data : attributes.backend_v6_data) =
      backend_data(text_of(annotations, is_v4 ? annotation::kBackendData : annotation::kBackendV6Data));
  attributes.backend_type = text_of(annotations, annotation::kBackendType);
}

void read_family(const Annotations& annotations, Family family, LeaseAttributes& attributes) {
  const bool is_v4 = family == Family::v4;
  const std::string text = text_of(annotations, is_v4 ? annotation::kPublicIp : annotation::kPublicIpv6);
  const auto address = base::IpAddress::parse(text);
  if (!address || address->family() != family)
    throw ParseError(fmt::format("{} is not its {} address", in_quotes(text), family_name(family)));
  read_backend(annotations, family, attributes);
  if (is_v4)
    attributes.public_ip = *address;
  else
    attributes.public_ipv6 = address;
}

std::string annotations_patch(const std::string& prefix, const Annotations& present,
                              const Annotations& wanted) {
  std::vector<std::string> members;
  for (const char* name : kPublished) {  // in the order of their bytes
    const auto now = present.find(name), later = wanted.find(name);
    const bool is_there = now != present.end(), is_wanted = later != wanted.end();
    if (is_there == is_wanted && (!is_wanted || now->second == later->second)) continue;
    members.push_back(fmt::format("{}:{}", go_quoted(fmt::format("{}{}", prefix, name)),
                                  is_wanted ? go_quoted(later->second) : "null"));
  }
  if (members.empty()) return {};
  return fmt::format(R"({{"metadata":{{"annotations":{{{}}}}}}})", fmt::join(members, ","));
}

std::string network_condition_patch(std::chrono::sys_seconds now) {
  return fmt::format(
      R"({{"status":{{"conditions":[{{"type":"NetworkUnavailable","status":"False","lastHeartbeatTime":"{0}",)"
      R"("lastTransitionTime":"{0}","reason":"{1}","message":"Flannel is running on this node"}}]}}}})",
      base::time_text(now), kNetworkReason);
}

}  // namespace flanneld
