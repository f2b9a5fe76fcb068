#include "flanneld/io/line_splitter.h"

#include <doctest/doctest.h>

#include <string>

#include "common/base/error.h"

TEST_CASE("a stream is cut into the same lines in whatever pieces it arrives, and a long line is refused") {
  const std::string stream = "one\n\ntwo\nthree";
  for (size_t piece = 1; piece <= stream.size(); ++piece) {
    flanneld::LineSplitter splitter(5);
    std::string lines;
    for (size_t at = 0; at < stream.size(); at += piece) {
      splitter.take(std::string_view(stream).substr(at, piece));
      while (const auto line = splitter.next()) lines += *line + "|";
    }
    CHECK(lines == "one|two|");
    splitter.take("four");
    CHECK_THROWS_AS(splitter.next(), base::ParseError);
    splitter.clear();
    splitter.take("x\n");
    CHECK(splitter.next() == "x");
  }
}
