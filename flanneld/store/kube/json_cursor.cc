#include "flanneld/store/kube/json_cursor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "common/base/error.h"
#include "common/json/json.h"

namespace flanneld {
namespace {

constexpr int kMaxDepth = 64;

[[noreturn]] void fail(const char* reason, size_t at) {
  throw base::ParseError(fmt::format("no JSON: {} at byte {}", reason, at));
}

bool is_plain(char one) { return one >= 0x20 && one != '\\' && one < 0x7f; }

}  // namespace

char JsonCursor::peek() {
  while (at_ < text_.size() &&
         (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t'))
    ++at_;
  if (at_ == text_.size()) fail("it ends too soon", at_);
  return text_[at_];
}

void JsonCursor::expect(char wanted) {
  if (peek() != wanted) fail("another character was to come", at_);
  ++at_;
}

bool JsonCursor::takes_null() {
  if (peek() != 'n') return false;
  if (skip() != "null") fail("an unknown word", at_);
  return true;
}

bool JsonCursor::opens(char open, char close) {
  expect(open);
  if (peek() != close) return true;
  ++at_;
  return false;
}

bool JsonCursor::goes_on(char close) {
  const bool more = peek() == ',';
  if (!more) expect(close);
  if (more) ++at_;
  return more;
}

std::string_view JsonCursor::take_quoted() {
  const size_t begin = at_;
  expect('"');
  for (; at_ < text_.size() && text_[at_] != '"'; ++at_)
    if (text_[at_] == '\\') ++at_;
  if (at_ >= text_.size()) fail("a text does not end", begin);
  ++at_;
  return text_.substr(begin, at_ - begin);
}

std::string JsonCursor::string() {
  if (takes_null()) return {};
  const size_t begin = at_;
  const std::string_view token = take_quoted();
  const std::string_view inside = token.substr(1, token.size() - 2);
  if (std::all_of(inside.begin(), inside.end(), is_plain)) return std::string(inside);
  const json::Value value = json::Value::parse(token, nullptr, false);
  if (!value.is_string()) fail("a text has a wrong escape or is no UTF-8", begin);
  return value.get<std::string>();
}

std::string_view JsonCursor::skip() {
  const char first = peek();
  const size_t begin = at_;
  if (first == '"') return take_quoted();
  if (first == '{' || first == '[') {
    skip_nested();
  } else {
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) != 0 ||
                                  text_[at_] == '-' || text_[at_] == '+' || text_[at_] == '.'))
      ++at_;
    if (at_ == begin) fail("a value was to come", at_);
  }
  return text_.substr(begin, at_ - begin);
}

void JsonCursor::skip_nested() {
  uint64_t arrays = 0;  // a bit for each level that is open: whether it is an array
  int depth = 0;
  do {
    if (at_ >= text_.size()) fail("a bracket is not closed", at_);
    const char one = text_[at_];
    if (one == '"') {
      take_quoted();
      continue;
    }
    ++at_;
    const bool is_array = one == '[' || one == ']';
    if (one == '{' || one == '[') {
      if (++depth > kMaxDepth) fail("it is nested too deep", at_);
      arrays = arrays << 1 | (is_array ? 1U : 0U);
    } else if (one == '}' || one == ']') {
      if (((arrays & 1) != 0) != is_array) fail("the wrong bracket closes", at_);
      arrays >>= 1;
      --depth;
    }
  } while (depth > 0);
}

void JsonCursor::end() {
  while (at_ < text_.size() &&
         (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t'))
    ++at_;
  if (at_ != text_.size()) fail("something follows", at_);
}

}  // namespace flanneld
