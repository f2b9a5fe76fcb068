#include "flanneld/io/document_splitter.h"

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <vector>

#include "common/base/error.h"

TEST_CASE(
    "a stream is cut into the same JSON objects, on one line or over several, in whatever pieces it "
    "arrives") {
  const std::string one = R"({"type":"ADDED","object":{"a":"}\"{"}})",
                    two = "{\n  \"type\": [\n    {}\n  ]\n}";
  const std::string stream = one + "\n" + two + "\r\n \n" + one;
  for (size_t size = 1; size <= stream.size(); ++size) {
    flanneld::DocumentSplitter splitter(one.size() + 1);
    std::vector<std::string> found;
    for (size_t at = 0; at < stream.size(); at += size) {
      splitter.take(std::string_view(stream).substr(at, size));
      while (auto document = splitter.next()) found.push_back(std::move(*document));
    }
    CHECK(found == std::vector<std::string>{one, two, one});
  }
  for (const char* bad :
       {"x", "[]", "{}]", "{\"a\":\n{}}", "{\"a\n\":1}", "{\"a\":\"much longer than ten bytes\"}"}) {
    flanneld::DocumentSplitter splitter(10);
    splitter.take(bad);
    CHECK_THROWS_AS(
        [&] {
          while (splitter.next()) continue;
        }(),
        base::ParseError);
  }
  flanneld::DocumentSplitter splitter(100);
  splitter.take("{\"a\":[");
  CHECK(splitter.next() == std::nullopt);
  splitter.clear();
  splitter.take(one);
  CHECK(splitter.next() == one);
}
