#include "flanneld/store/kube/node.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdint>

#include "common/base/error.h"
#include "common/base/text.h"
#include "flanneld/lease/go_json.h"
#include "flanneld/store/kube/json_cursor.h"

namespace flanneld {
namespace {

constexpr size_t kMaxPodCidrs = 16, kMaxAddresses = 64;

void read_metadata(JsonCursor& at, const std::string& prefix, KubeNode& node) {
  at.members([&](const std::string& key) {
    if (key == "name")
      node.name = at.string();
    else if (key == "uid")
      node.uid = at.string();
    else if (key == "resourceVersion")
      node.resource_version = at.string();
    else if (key == "annotations")
      at.members([&](const std::string& name) {
        if (name.starts_with(prefix))
          node.annotations[name.substr(prefix.size())] = at.string();
        else
          at.skip();
      });
    else
      at.skip();
  });
}

void read_spec(JsonCursor& at, KubeNode& node) {
  std::string first;
  at.members([&](const std::string& key) {
    if (key == "podCIDR")
      first = at.string();
    else if (key == "podCIDRs")
      at.elements([&] {
        node.pod_cidrs.push_back(at.string());
        if (node.pod_cidrs.size() > kMaxPodCidrs) throw base::ParseError("it has too many podCIDRs");
      });
    else
      at.skip();
  });
  if (node.pod_cidrs.empty() && !first.empty()) node.pod_cidrs = {first};
}

/// Takes an object whose members are texts: type, and what else `names` has.
struct TypedTexts {
  std::string type, address, status, reason;
};
TypedTexts read_texts(JsonCursor& at) {
  TypedTexts texts;
  at.members([&](const std::string& key) {
    if (key == "type")
      texts.type = at.string();
    else if (key == "address")
      texts.address = at.string();
    else if (key == "status")
      texts.status = at.string();
    else if (key == "reason")
      texts.reason = at.string();
    else
      at.skip();
  });
  return texts;
}

void read_status(JsonCursor& at, KubeNode& node) {
  at.members([&](const std::string& key) {
    if (key == "addresses")
      at.elements([&] {
        const TypedTexts texts = read_texts(at);
        if (texts.type == "InternalIP" && node.addresses.size() < kMaxAddresses)
          node.addresses.push_back(texts.address);
      });
    else if (key == "conditions")
      at.elements([&] {
        const TypedTexts texts = read_texts(at);
        if (texts.type != "NetworkUnavailable") return;
        node.network_unavailable = texts.status;
        node.network_reason = texts.reason;
      });
    else
      at.skip();
  });
}

KubeNode read_node(JsonCursor& at, const std::string& prefix) {
  KubeNode node;
  at.members([&](const std::string& key) {
    if (key == "metadata") {
      read_metadata(at, prefix, node);
    } else if (key == "spec") {
      node.is_whole = true;
      read_spec(at, node);
    } else if (key == "status") {
      read_status(at, node);
    } else {
      at.skip();
    }
  });
  return node;
}

/// Versions are no numbers by contract, though all servers' are.
std::optional<uint64_t> number_of(const std::string& version) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(version.data(), version.data() + version.size(), number);
  return error == std::errc{} && end == version.data() + version.size() ? std::optional(number)
                                                                        : std::nullopt;
}

int parse_code(std::string_view text) {
  const json::Value value = json::Value::parse(text, nullptr, false);
  return value.is_number_unsigned() && value.get<uint64_t>() < 1000 ? value.get<int>() : 0;
}

}  // namespace

bool KubeNode::is_marked() const {
  const auto marker = annotations.find(annotation::kMarker);
  return marker != annotations.end() && marker->second == "true";
}

KubeNode parse_kube_node(std::string_view text, const std::string& prefix) {
  return decoding("a Node", [&] {
    JsonCursor at(text);
    KubeNode node = read_node(at, prefix);
    at.end();
    if (node.name.empty()) throw base::ParseError("it has no name");
    return node;
  });
}

KubeEvent parse_kube_event(std::string_view text, const std::string& prefix) {
  return decoding("an event", [&] {
    JsonCursor at(text);
    std::string type;
    std::string_view object;
    at.members([&](const std::string& key) {
      if (key == "type")
        type = at.string();
      else if (key == "object")
        object = at.skip();
      else
        at.skip();
    });
    at.end();
    KubeEvent event;
    if (type == "ERROR") {
      const KubeStatus status = parse_kube_status(object);
      event.kind = KubeEvent::Kind::error;
      event.code = status.code;
      event.message = status.message;
      return event;
    }
    if (type == "BOOKMARK")
      event.kind = KubeEvent::Kind::bookmark;
    else if (type == "DELETED")
      event.kind = KubeEvent::Kind::deleted;
    else if (type != "ADDED" && type != "MODIFIED")
      throw base::ParseError(fmt::format("{} is no type of events", in_quotes(type)));
    JsonCursor inner(object);
    event.node = read_node(inner, prefix);
    if (event.node.resource_version.empty()) throw base::ParseError("it has no resource version");
    if (event.node.name.empty() && event.kind != KubeEvent::Kind::bookmark)
      throw base::ParseError("its Node has no name");
    return event;
  });
}

KubeListHead parse_kube_list_head(std::string_view envelope) {
  return decoding("a list", [&] {
    JsonCursor at(envelope);
    KubeListHead head;
    at.members([&](const std::string& key) {
      if (key != "metadata") return void(at.skip());
      at.members([&](const std::string& name) {
        if (name == "resourceVersion")
          head.resource_version = at.string();
        else if (name == "continue")
          head.next = at.string();
        else
          at.skip();
      });
    });
    at.end();
    if (head.resource_version.empty()) throw base::ParseError("it has no resource version");
    return head;
  });
}

KubeStatus parse_kube_status(std::string_view text) {
  try {
    KubeStatus status;
    std::string kind;
    JsonCursor at(text);
    at.members([&](const std::string& key) {
      if (key == "kind")
        kind = at.string();
      else if (key == "message")
        status.message = at.string();
      else if (key == "code")
        status.code = parse_code(at.skip());
      else
        at.skip();
    });
    return kind == "Status" ? status : KubeStatus{};
  } catch (const base::ParseError&) {
    return {};
  }
}

bool is_older_version(const std::string& version, const std::string& than) {
  const auto one = number_of(version), other = number_of(than);
  return one && other && *one < *other;
}

std::string parse_node_name(std::string_view pod) {
  return decoding("a Pod", [&] {
    std::string name;
    JsonCursor at(pod);
    at.members([&](const std::string& key) {
      if (key != "spec") return void(at.skip());
      at.members([&](const std::string& inner) {
        if (inner == "nodeName")
          name = at.string();
        else
          at.skip();
      });
    });
    at.end();
    if (name.empty()) throw base::ParseError("it has no spec.nodeName");
    return name;
  });
}

}  // namespace flanneld
