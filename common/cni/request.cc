#include "common/cni/request.h"

#include <algorithm>

#include "common/base/text.h"
#include "common/cni/error.h"

namespace cni {
namespace {

// It becomes a file name, alone or with ":" and an interface name behind it (NAME_MAX is 255).
constexpr size_t kMaxIdentifier = 239;
constexpr size_t kMaxIfname = 15;  // IFNAMSIZ - 1

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/// The value of IgnoreUnknown.
bool parse_truth(std::string_view value) {
  const std::string word = base::lower(value);
  if (word == "1" || word == "true") return true;
  if (word == "0" || word == "false") return false;
  throw Error(ErrorCode::invalid_environment,
              fmt::format("CNI_ARGS: IgnoreUnknown is {}, must be 1, true, 0 or false", base::quoted(value)));
}

}  // namespace

bool is_valid_identifier(std::string_view text) {
  return !text.empty() && text.size() <= kMaxIdentifier && is_alphanumeric(text[0]) &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return is_alphanumeric(c) || c == '_' || c == '.' || c == '-'; });
}

std::string ifname_problem(std::string_view name) {
  if (name.empty()) return "is empty";
  if (name.size() > kMaxIfname) return "is longer than 15 bytes";
  if (name == "." || name == "..") return "is '.' or '..'";
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '/' || c == ':' || byte <= ' ' || byte == 0x7f)
      return "contains '/', ':', white space or a control character";
  }
  // Unicode white space, as Go's unicode.IsSpace: U+0085, U+00A0, U+1680, U+2000-200A, 2028, 2029, 202F,
  // 205F, 3000.
  for (const std::string_view space :
       {"\u0085", "\u00a0", "\u1680", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000"})
    if (name.find(space) != std::string_view::npos) return "contains white space";
  for (size_t at = name.find("\xe2\x80"); at != std::string_view::npos; at = name.find("\xe2\x80", at + 1))
    if (at + 2 < name.size() && static_cast<unsigned char>(name[at + 2]) <= 0x8a)
      return "contains white space";
  return {};
}

std::string new_ifname_problem(std::string_view name) {
  if (name.find('%') != std::string_view::npos) return "contains '%'";
  return ifname_problem(name);
}

Request Request::with_config(json::Value other) const {
  Request copy = *this;
  copy.config = std::move(other);
  return copy;
}

std::optional<Result> Request::prev_result() const {
  const json::Value* value = json::find(config, "prevResult");
  if (!value) return std::nullopt;
  return with_context("read prevResult", [&] { return Result::parse(*value, version); });
}

std::vector<Attachment> Request::valid_attachments() const {
  std::vector<Attachment> attachments;
  const json::Value* list = json::find(config, "cni.dev/valid-attachments");
  if (!list) list = json::find(config, "cni.dev/attachments");  // the spelling of early 1.1.0 libraries
  if (!list) return attachments;
  if (!list->is_array())
    throw Error(ErrorCode::decoding_failure,
                fmt::format("key 'cni.dev/valid-attachments' must be an array, not {}", list->type_name()));
  for (const json::Value& item : *list) {
    Attachment valid{.container_id = json::get_string(item, "containerID", "cni.dev/valid-attachments"),
                     .ifname = json::get_string(item, "ifname", "cni.dev/valid-attachments")};
    if (valid.container_id.empty() || valid.ifname.empty())
      throw Error(ErrorCode::decoding_failure,
                  "each of 'cni.dev/valid-attachments' needs 'containerID' and 'ifname'",
                  "nothing was removed, because it is not certain what is valid");
    attachments.push_back(std::move(valid));
  }
  return attachments;
}

std::map<std::string, std::string> parse_args(const std::string& args,
                                              const std::vector<std::string>& known) {
  std::map<std::string, std::string> values;
  if (args.empty()) return values;
  std::vector<std::string> unknown;
  bool ignore_unknown = false;
  for (const std::string_view pair : base::split(args, ';')) {
    const auto parts = base::split(pair, '=');
    if (parts.size() != 2 || parts[0].empty())
      throw Error(ErrorCode::invalid_environment,
                  fmt::format("CNI_ARGS: {} is not of the form KEY=VALUE", base::quoted(pair)));
    const std::string key(parts[0]);
    if (key == "IgnoreUnknown")
      ignore_unknown = parse_truth(parts[1]);
    else if (std::find(known.begin(), known.end(), key) != known.end())
      values[key] = parts[1];
    else
      unknown.push_back(key);
  }
  if (!unknown.empty() && !ignore_unknown)
    throw Error(ErrorCode::invalid_environment,
                fmt::format("CNI_ARGS: unknown keys: {}", fmt::join(unknown, ", ")),
                "add IgnoreUnknown=1 to have keys of others ignored");
  return values;
}

}  // namespace cni
