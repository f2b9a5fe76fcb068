// A stream that is cut into JSON objects.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.h"
#include "flanneld/io/document_splitter.h"

namespace fuzz {

/// Those of a stream that comes in pieces of that size, until something is no object.
inline std::vector<std::string> documents_of(std::string_view stream, size_t piece) {
  flanneld::DocumentSplitter splitter(1 << 20);
  std::vector<std::string> documents;
  try {
    while (!stream.empty()) {
      splitter.take(stream.substr(0, piece));
      stream.remove_prefix(std::min(piece, stream.size()));
      while (auto document = splitter.next()) documents.push_back(std::move(*document));
    }
  } catch (const base::ParseError&) {
  }
  return documents;
}

}  // namespace fuzz
