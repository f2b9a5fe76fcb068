#include "common/cni/result.h"

#include <algorithm>

#include "common/cni/error.h"
#include "common/cni/version.h"

namespace cni {
namespace {

/// The three shapes of a result.
enum class Form { ip4_ip6, ips_with_version, ips };

Form form_of(std::string_view version) {
  if (version_less(version, "0.3.0")) return Form::ip4_ip6;
  return version_less(version, "1.0.0") ? Form::ips_with_version : Form::ips;
}

base::IpNet parse_net(const json::Value& object, std::string_view key, std::string_view where) {
  const std::string text = json::get_string(object, key, where);
  const auto net = base::IpNet::parse(text);
  if (!net)
    throw Error(ErrorCode::decoding_failure,
                fmt::format("key '{}': '{}' is not an address with prefix length",
                            json::join_path(where, key), text.substr(0, 64)));
  return *net;
}

template <class Value>
void put(json::OrderedValue& object, const char* key, const Value& value) {
  if (value != Value{}) object[key] = value;
}

json::OrderedValue dns_json(const Dns& dns) {
  json::OrderedValue object = json::OrderedValue::object();
  put(object, "nameservers", dns.nameservers);
  put(object, "domain", dns.domain);
  put(object, "search", dns.search);
  put(object, "options", dns.options);
  return object;
}

json::OrderedValue route_json(const Route& route, bool only_dst_gw) {
  json::OrderedValue object{{"dst", route.dst.str()}};
  if (route.gw) object["gw"] = route.gw->str();
  if (only_dst_gw) return object;
  put(object, "mtu", route.mtu);
  put(object, "advmss", route.advmss);
  put(object, "priority", route.priority);
  if (route.table) object["table"] = *route.table;
  if (route.scope) object["scope"] = *route.scope;
  return object;
}

/// 0.1.0 and 0.2.0: the first address of each family, and the routes of that family with it.
json::OrderedValue to_oldest_form(const Result& result, std::string_view version) {
  json::OrderedValue object{{"cniVersion", version}};
  for (const auto& [key, family] : {std::pair{"ip4", base::Family::v4}, std::pair{"ip6", base::Family::v6}}) {
    const auto ip = std::find_if(
        result.ips.begin(), result.ips.end(),
        [family = family](const IpConfig& one) { return one.address.address.family() == family; });
    if (ip == result.ips.end()) continue;
    json::OrderedValue block{{"ip", ip->address.str()}};
    if (ip->gateway) block["gateway"] = ip->gateway->str();
    for (const Route& route : result.routes)
      if (route.dst.address.family() == family) block["routes"].push_back(route_json(route, true));
    object[key] = std::move(block);
  }
  if (object.size() == 1)
    throw Error(ErrorCode::invalid_config, "cannot convert: no valid IP addresses",
                fmt::format("a result of CNI version {} needs an address; use cniVersion 0.3.0 or newer, or "
                            "an ipam",
                            version));
  object["dns"] = dns_json(result.dns);
  return object;
}

json::OrderedValue interface_json(const Interface& link, bool newest) {
  json::OrderedValue object{{"name", link.name}};
  put(object, "mac", link.mac);
  if (newest) put(object, "mtu", link.mtu);
  put(object, "sandbox", link.sandbox);
  if (newest) {
    put(object, "socketPath", link.socket_path);
    put(object, "pciID", link.pci_id);
  }
  return object;
}

Interface parse_interface(const json::Value& object) {
  constexpr std::string_view kWhere = "interfaces";
  Interface link;
  link.name = json::get_string(object, "name", kWhere);
  link.mac = json::get_string(object, "mac", kWhere);
  link.mtu = static_cast<uint32_t>(json::get_integer(object, "mtu", kWhere, 0, UINT32_MAX).value_or(0));
  link.sandbox = json::get_string(object, "sandbox", kWhere);
  link.socket_path = json::get_string(object, "socketPath", kWhere);
  link.pci_id = json::get_string(object, "pciID", kWhere);
  return link;
}

void parse_oldest_form(const json::Value& object, Result& result) {
  for (const char* key : {"ip4", "ip6"}) {
    const json::Value& block = json::get_object(object, key, "");
    if (block.empty()) continue;
    result.ips.push_back(
        {.address = parse_net(block, "ip", key), .gateway = json::get_address(block, "gateway", key)});
    for (const json::Value& route : json::get_array(block, "routes", key))
      result.routes.push_back(parse_route(route, json::join_path(key, "routes")));
  }
}

}  // namespace

Route parse_route(const json::Value& object, std::string_view where) {
  if (!object.is_object())
    throw Error(ErrorCode::decoding_failure, fmt::format("each of '{}' must be an object", where));
  const auto number = [&](const char* key) { return json::get_integer(object, key, where, 0, UINT32_MAX); };
  const auto optional_number = [&](const char* key) -> std::optional<uint32_t> {
    const auto value = number(key);
    return value ? std::optional(static_cast<uint32_t>(*value)) : std::nullopt;
  };
  Route route;
  route.dst = parse_net(object, "dst", where);
  route.gw = json::get_address(object, "gw", where);
  route.mtu = optional_number("mtu").value_or(0);
  route.advmss = optional_number("advmss").value_or(0);
  route.priority = optional_number("priority").value_or(0);
  route.table = optional_number("table");
  route.scope = optional_number("scope");
  return route;
}

Dns parse_dns(const json::Value& object, std::string_view where) {
  return {.nameservers = json::get_strings(object, "nameservers", where),
          .domain = json::get_string(object, "domain", where),
          .search = json::get_strings(object, "search", where),
          .options = json::get_strings(object, "options", where)};
}

json::OrderedValue Result::to_json(std::string_view version) const {
  const Form form = form_of(version);
  if (form == Form::ip4_ip6) return to_oldest_form(*this, version);
  json::OrderedValue object{{"cniVersion", version}};
  for (const Interface& link : interfaces)
    object["interfaces"].push_back(interface_json(link, !version_less(version, "1.1.0")));
  for (const IpConfig& ip : ips) {
    json::OrderedValue item = json::OrderedValue::object();
    if (form == Form::ips_with_version) item["version"] = ip.address.address.is_v4() ? "4" : "6";
    if (ip.interface) item["interface"] = *ip.interface;
    item["address"] = ip.address.str();
    if (ip.gateway) item["gateway"] = ip.gateway->str();
    object["ips"].push_back(std::move(item));
  }
  for (const Route& route : routes) object["routes"].push_back(route_json(route, false));
  if (form == Form::ips_with_version || !dns.empty()) object["dns"] = dns_json(dns);
  return object;
}

Result Result::parse(const json::Value& object, std::string_view version) {
  if (!object.is_object())
    throw Error(ErrorCode::decoding_failure,
                fmt::format("a result must be a JSON object, not {}", object.type_name()));
  std::string own_version = json::get_string(object, "cniVersion", "");
  if (own_version.empty()) own_version = version;
  if (form_of(own_version) != form_of(version))
    throw Error(
        ErrorCode::decoding_failure,
        fmt::format("the result is of cniVersion '{}', the configuration of '{}'", own_version, version));
  Result result;
  if (form_of(own_version) == Form::ip4_ip6) {
    parse_oldest_form(object, result);
  } else {
    for (const json::Value& link : json::get_array(object, "interfaces", ""))
      result.interfaces.push_back(parse_interface(link));
    for (const json::Value& item : json::get_array(object, "ips", "")) {
      const auto index = json::get_integer(item, "interface", "ips", 0, 1'000'000);
      result.ips.push_back({.address = parse_net(item, "address", "ips"),
                            .gateway = json::get_address(item, "gateway", "ips"),
                            .interface = index ? std::optional(static_cast<int>(*index)) : std::nullopt});
    }
    for (const json::Value& route : json::get_array(object, "routes", ""))
      result.routes.push_back(parse_route(route, "routes"));
  }
  result.dns = parse_dns(json::get_object(object, "dns", ""), "dns");
  return result;
}

}  // namespace cni
