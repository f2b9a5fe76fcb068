// What a watch sends. The first byte says in pieces of which size it arrives.
#include <algorithm>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "flanneld/io/line_splitter.h"
#include "flanneld/lease/go_json.h"
#include "flanneld/store/etcd/messages.h"
#include "tests/fuzz/decoders.h"

namespace {

std::vector<std::string> lines_of(std::string_view stream, size_t piece) {
  flanneld::LineSplitter splitter(1 << 20);
  std::vector<std::string> lines;
  while (!stream.empty()) {
    splitter.take(stream.substr(0, piece));
    stream.remove_prefix(std::min(piece, stream.size()));
    while (auto line = splitter.next()) lines.push_back(std::move(*line));
  }
  return lines;
}

}  // namespace

void fuzz::etcd_watch(std::string_view input) {
  if (input.empty()) return;
  const auto piece = std::max<size_t>(1, static_cast<unsigned char>(input[0]));
  input.remove_prefix(1);
  const std::vector<std::string> lines = lines_of(input, piece);
  promise(lines == lines_of(input, input.size() + 1), "it does not matter where a stream is cut");
  for (const std::string& line : lines) {
    promise(!line.empty() && line.find('\n') == std::string::npos, "a line is one line");
    try {
      flanneld::decoding("a message", [&] { return flanneld::parse_watch_response(line); });
    } catch (const base::ParseError&) {
      return;  // ends the watch
    }
  }
}
