#include "flanneld/io/srv_lookup.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include "tests/unit/flanneld/test_support.h"

using namespace flanneld_test;
using flanneld::SrvRecord;

namespace {

using namespace std::string_view_literals;

std::vector<SrvRecord> parse(const std::string& message) {
  return flanneld::parse_srv_answer({reinterpret_cast<const unsigned char*>(message.data()), message.size()});
}

/// One answer to a question for "x.", in the DNS's form.
std::string answer(std::string_view numbers, std::string_view host) {
  std::string text{"\xc0\x0c\x00\x21\x00\x01\x00\x00\x00\x3c\x00"sv};  // the name asked for, SRV, IN, 60 s
  text += static_cast<char>(numbers.size() + host.size());
  return text.append(numbers).append(host);
}

std::string message(const std::vector<std::string>& answers) {
  std::string text{"\x12\x34\x81\x80\x00\x01\x00"sv};
  text += static_cast<char>(answers.size());
  text += "\x00\x00\x00\x00\x01x\x00\x00\x21\x00\x01"sv;
  for (const std::string& one : answers) text += one;
  return text;
}

}  // namespace

TEST_CASE("SRV lookup: the records come by priority, of one priority the heaviest first") {
  const auto records = parse(message({answer("\x00\x01\x00\x05\x09\x4b"sv,
                                             "\x01"
                                             "b\x00"sv),
                                      answer("\x00\x00\x00\x01\x09\x4b"sv,
                                             "\x01"
                                             "c\xc0\x0c"sv),
                                      answer("\x00\x00\x00\x09\x30\x39"sv,
                                             "\x01"
                                             "a\x00"sv)}));
  CHECK(records == std::vector<SrvRecord>{{0, 9, 12345, "a"}, {0, 1, 2379, "c.x"}, {1, 5, 2379, "b"}});
  CHECK(parse(message({})).empty());
  CHECK(parse(message({answer("\x00\x00\x00\x00\x00\x00"sv, "\x00"sv)})).empty());  // "." says: no service
}

TEST_CASE("SRV lookup: what is no answer is refused") {
  const std::string whole = message({answer("\x00\x00\x00\x01\x09\x4b"sv,
                                            "\x01"
                                            "c\x00"sv)});
  for (size_t length = 0; length < whole.size(); ++length)
    CHECK(!parse_failure([&] { parse(whole.substr(0, length)); }).empty());
  CHECK(
      !parse_failure([&] { parse(message({answer("\x00\x00\x00\x01\x09\x4b"sv, "\xc0\x2c"sv)})); }).empty());
}
