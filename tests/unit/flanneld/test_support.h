// Short spellings for the tests of flanneld's pure parts.
#pragma once

#include <string>

#include "common/base/error.h"
#include "flanneld/lease/lease.h"
#include "tests/support/addresses.h"

namespace flanneld_test {

using test::ip;
using test::mac;
using test::net;

inline flanneld::LeaseKey key(const std::string& name) { return flanneld::LeaseKey::parse(name).value(); }

inline flanneld::Lease lease(const std::string& name, const std::string& public_ip,
                             const std::string& backend_data = "") {
  flanneld::Lease lease;
  lease.key = key(name);
  lease.attributes.public_ip = ip(public_ip);
  lease.attributes.backend_type = "vxlan";
  lease.attributes.backend_data = backend_data;
  lease.expiry = std::chrono::sys_seconds{std::chrono::hours{24}};
  return lease;
}

/// The text of the base::ParseError that `action` throws; empty if it throws none.
template <class Action>
std::string parse_failure(Action&& action) {
  try {
    action();
  } catch (const base::ParseError& error) {
    return error.what();
  }
  return "";
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace flanneld_test
