#include "flanneld/backend/vxlan_lease_data.h"

#include <fmt/format.h>

#include "common/base/error.h"
#include "common/base/text.h"
#include "flanneld/lease/go_json.h"

namespace flanneld {
namespace {

constexpr size_t kMaxDataBytes = 4096;

base::MacAddress parse_vtep_mac(const std::string& text) {
  const auto mac = base::MacAddress::parse(text);
  if (!mac)
    throw base::ParseError(fmt::format(
        "key 'VtepMAC': {} is not a hardware address such as 'c6:d2:32:6f:8f:44'", base::quoted(text)));
  if (*mac == base::MacAddress{} || (mac->bytes[0] & 1) != 0)
    throw base::ParseError(fmt::format("key 'VtepMAC': '{}' is not the address of one device", *mac));
  return *mac;
}

}  // namespace

VxlanLeaseData VxlanLeaseData::parse(std::string_view text) {
  return decoding("vxlan backend data", [&] {
    const json::Value document = parse_object(text, kMaxDataBytes);
    VxlanLeaseData data;
    data.vni = static_cast<uint32_t>(get_unsigned(document, "VNI", kMaxVni).value_or(0));
    data.vtep_mac = parse_vtep_mac(json::get_string(document, "VtepMAC", ""));
    if (const std::string address = json::get_string(document, "Source", ""); !address.empty())
      data.source = base::IpAddress::parse(address);
    return data;
  });
}

std::string VxlanLeaseData::format() const {
  const std::string from = source ? fmt::format(R"(,"Source":"{}")", *source) : std::string();
  return fmt::format(R"({{"VNI":{},"VtepMAC":"{}"{}}})", vni, vtep_mac, from);
}

}  // namespace flanneld
