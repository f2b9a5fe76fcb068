// What the texts of flags mean: each function makes one kind of value and puts it into a member of Options.
// A row of the table of flags names one of them, as in text<&Options::etcd_prefix>.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/ip.h"
#include "flanneld/options/flags.h"
#include "flanneld/options/options.h"

namespace flanneld::flag_meaning {

// Each throws UsageError beginning with the value's origin.
[[noreturn]] void reject(const FlagValue& value, const std::string& reason);
long long number_between(const FlagValue& value, long long least, long long most);
/// nullopt for empty text. Without a family, either one.
std::optional<base::IpAddress> ip_address(const FlagValue& value, std::optional<base::Family> family);
/// nullopt for empty text.
std::optional<ListenAddress> listen_address(const FlagValue& value);
/// URLs without a slash at the end; those that were given without a scheme have none.
std::vector<std::string> server_urls(const FlagValue& value);
/// Without empty values, which count as none in upstream too.
std::vector<std::string> not_empty(const FlagValue& value);
std::vector<std::string> regular_expressions(const FlagValue& value);
/// Networks, in CIDR notation and with commas between them; host bits are cleared.
std::vector<base::IpNet> cidrs(const FlagValue& value);
/// The beginning of annotations' names, with the slash or dash that ends it.
std::string checked_prefix(const FlagValue& value);

template <auto member>
constexpr FlagMeaning text{FlagKind::text,
                           [](Options& options, const FlagValue& value) { options.*member = value.text(); }};

template <auto member>
constexpr FlagMeaning path{FlagKind::text, [](Options& options, const FlagValue& value) {
                             if (value.text().empty()) reject(value, "a path is needed");
                             options.*member = value.text();
                           }};

template <auto member>
constexpr FlagMeaning boolean{FlagKind::boolean, [](Options& options, const FlagValue& value) {
                                options.*member = parse_boolean(value.text(), value.origin);
                              }};

template <auto member>
constexpr FlagMeaning families{FlagKind::families, [](Options& options, const FlagValue& value) {
                                 options.*member = parse_families(value.text(), value.origin);
                               }};

/// For members that a number makes: integers and durations.
template <auto member, long long least, long long most>
constexpr FlagMeaning number{
    FlagKind::number, [](Options& options, const FlagValue& value) {
      auto& target = options.*member;
      target = static_cast<std::remove_reference_t<decltype(target)>>(number_between(value, least, most));
    }};

template <auto member>
constexpr FlagMeaning list{
    FlagKind::list, [](Options& options, const FlagValue& value) { options.*member = not_empty(value); }};

template <auto member>
constexpr FlagMeaning regex_list{FlagKind::list, [](Options& options, const FlagValue& value) {
                                   options.*member = regular_expressions(value);
                                 }};

template <auto member>
constexpr FlagMeaning networks{
    FlagKind::list, [](Options& options, const FlagValue& value) { options.*member = cidrs(value); }};

template <auto member>
constexpr FlagMeaning address{FlagKind::text, [](Options& options, const FlagValue& value) {
                                options.*member = ip_address(value, std::nullopt);
                              }};

template <auto member, base::Family family>
constexpr FlagMeaning address_of{FlagKind::text, [](Options& options, const FlagValue& value) {
                                   options.*member = ip_address(value, family);
                                 }};

template <auto member>
constexpr FlagMeaning listen{FlagKind::text, [](Options& options, const FlagValue& value) {
                               options.*member = listen_address(value);
                             }};

template <auto member>
constexpr FlagMeaning servers{
    FlagKind::text, [](Options& options, const FlagValue& value) { options.*member = server_urls(value); }};

/// Throws UsageError unless the value is one of the two words.
void check_word(const FlagValue& value, std::string_view one, std::string_view other);

/// Read where the log begins, from the flags that were set.
inline constexpr FlagMeaning log_format{
    FlagKind::text, [](Options&, const FlagValue& value) { check_word(value, "text", "json"); }};

/// Accepted, and without effect.
template <FlagKind kind>
constexpr FlagMeaning unused{kind, [](Options&, const FlagValue&) {}};

template <auto member>
constexpr FlagMeaning server_or_none{FlagKind::text, [](Options& options, const FlagValue& value) {
                                       if (!value.text().empty())
                                         options.*member = server_urls(value).front();
                                     }};

template <auto member>
constexpr FlagMeaning annotation_prefix{FlagKind::text, [](Options& options, const FlagValue& value) {
                                          options.*member = checked_prefix(value);
                                        }};

}  // namespace flanneld::flag_meaning
