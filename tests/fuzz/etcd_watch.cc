// What a watch sends. The first byte says in pieces of which size it arrives.
#include <algorithm>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "flanneld/lease/go_json.h"
#include "flanneld/store/etcd/messages.h"
#include "tests/fuzz/decoders.h"
#include "tests/fuzz/documents.h"

void fuzz::etcd_watch(std::string_view input) {
  if (input.empty()) return;
  const auto piece = std::max<size_t>(1, static_cast<unsigned char>(input[0]));
  input.remove_prefix(1);
  const std::vector<std::string> messages = documents_of(input, piece);
  promise(messages == documents_of(input, input.size() + 1), "it does not matter where a stream is cut");
  for (const std::string& message : messages) {
    promise(!message.empty(), "a message has bytes");
    try {
      flanneld::decoding("a message", [&] { return flanneld::parse_watch_response(message); });
    } catch (const base::ParseError&) {
      return;  // ends the watch
    }
  }
}
