#include "flanneld/node/iface_regex.h"

#include "common/base/error.h"
#include "common/base/text.h"

namespace flanneld {
namespace {

re2::RE2::Options options() {
  re2::RE2::Options options;
  options.set_log_errors(false);  // to stderr; ours says it better
  return options;
}

}  // namespace

IfaceRegex::IfaceRegex(const std::string& pattern) : regex_(pattern, options()) {
  if (!regex_.ok())
    throw base::ParseError(
        fmt::format("{} is not a regular expression: {}", base::quoted(pattern), regex_.error()));
}

}  // namespace flanneld
