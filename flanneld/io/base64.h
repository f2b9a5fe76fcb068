// Base64 (RFC 4648 section 4), in which etcd's gateway wraps keys and values.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace flanneld {

std::string base64_encode(std::string_view bytes);
/// nullopt for text that is not padded base64.
std::optional<std::string> base64_decode(std::string_view text);

}  // namespace flanneld
