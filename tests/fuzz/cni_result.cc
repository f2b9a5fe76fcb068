// The first line is the version of the configuration, the rest the result.
#include "common/cni/result.h"

#include <string>

#include "common/base/error.h"
#include "common/cni/error.h"
#include "common/cni/version.h"
#include "tests/fuzz/decoders.h"

namespace {

std::string print(const json::OrderedValue& json) {
  return json.dump(-1, ' ', false, json::OrderedValue::error_handler_t::replace);
}

}  // namespace

void fuzz::cni_result(std::string_view input) {
  const std::string_view version = cut(input, '\n');
  try {
    const auto result = cni::Result::parse(json::parse(input, "the result"), version);
    const std::string printed = print(result.to_json(version));
    const auto again = cni::Result::parse(json::parse(printed, "the result"), version);
    promise(print(again.to_json(version)) == printed, "a result that was printed reads the same");
  } catch (const cni::Error&) {
  } catch (const base::ParseError&) {
  }
}
