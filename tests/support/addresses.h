// Short spellings of addresses for tests. A text that is none ends the test with std::bad_optional_access.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/ip.h"
#include "common/base/mac.h"

namespace test {

inline base::IpAddress ip(const std::string& text) { return base::IpAddress::parse(text).value(); }
inline base::IpNet net(const std::string& text) { return base::IpNet::parse(text).value(); }
inline base::MacAddress mac(uint8_t last) { return {{2, 0, 0, 0, 0, last}}; }

}  // namespace test
