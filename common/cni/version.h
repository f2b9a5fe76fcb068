// CNI spec versions: which we speak, and how they compare.
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace cni {

inline constexpr std::array<std::string_view, 7> kSupportedVersions{"0.1.0", "0.2.0", "0.3.0", "0.3.1",
                                                                    "0.4.0", "1.0.0", "1.1.0"};
/// What VERSION reports as its cniVersion.
inline constexpr std::string_view kNewestVersion = kSupportedVersions.back();
/// The version of a configuration without cniVersion, as in the reference.
inline constexpr std::string_view kOldestVersion = kSupportedVersions.front();

/// Compares by number: one to three parts between dots, of which a missing one counts as 0.
/// Throws Error(decoding_failure) when `a` or `b` is not of that form.
bool version_less(std::string_view a, std::string_view b);

/// Whether `version` is one of kSupportedVersions.
[[nodiscard]] bool is_supported(std::string_view version);

/// "0.1.0, 0.2.0, …".
std::string supported_list();

}  // namespace cni
