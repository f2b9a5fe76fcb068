// An answer of etcd's gateway, to every call that there is.
#include <string>

#include "common/base/error.h"
#include "flanneld/io/base64.h"
#include "flanneld/lease/go_json.h"
#include "flanneld/store/etcd/messages.h"
#include "tests/fuzz/decoders.h"

namespace {

template <class Parse>
void try_to(Parse&& parse) {
  try {
    parse();
  } catch (const base::ParseError&) {
  }
}

}  // namespace

void fuzz::etcd_answer(std::string_view input) {
  for (const long status : {400L, 404L, 503L}) flanneld::parse_error(status, input);
  if (const auto bytes = flanneld::base64_decode(input))
    promise(flanneld::base64_decode(flanneld::base64_encode(*bytes)) == bytes,
            "base64 that was written reads the same");
  promise(flanneld::base64_decode(flanneld::base64_encode(input)) == input, "any bytes can be wrapped");
  json::Value answer;
  try {
    answer = flanneld::decoding("the answer", [&] { return flanneld::parse_object(input, 1 << 20); });
  } catch (const base::ParseError&) {
    return;
  }
  try_to([&] { promise(flanneld::parse_range(answer).revision > 0, "a range has a revision"); });
  try_to([&] { promise(flanneld::parse_txn(answer).revision > 0, "a transaction has a revision"); });
  try_to([&] { promise(flanneld::parse_lease(answer).id != 0, "a lease has an ID"); });
  try_to([&] { flanneld::parse_keep_alive(answer); });
  try_to([&] {
    promise(flanneld::parse_token(answer).find_first_of("\r\n") == std::string::npos, "a token is one line");
  });
}
