// The operations of the CNI specification, as CNI_COMMAND names them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace cni {

enum class Verb : uint8_t { add, del, check, gc, status, version };

/// "ADD", "DEL", "CHECK", "GC", "STATUS" or "VERSION".
std::string_view name_of(Verb verb);

/// The verb of that name, spelled in capitals; nullopt if there is none.
std::optional<Verb> find_verb(std::string_view name);

}  // namespace cni
