// Walks once through a JSON text of which little is wanted, and makes no values of the rest: a Node is some
// 16 kB, and six short texts of it count.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace flanneld {

/// Each call takes what stands at the cursor's place, and leaves it behind that. All throw base::ParseError
/// for text that is no JSON as far as they look: what is skipped need only have its quotes and brackets
/// right.
class JsonCursor {
 public:
  /// `text` must outlive the cursor.
  explicit JsonCursor(std::string_view text) : text_(text) {}

  /// Takes an object, or null. `take_value(key)` is called at the value of each member, and takes it.
  template <class TakeValue>
  void members(TakeValue&& take_value) {
    if (takes_null()) return;
    for (bool more = opens('{', '}'); more; more = goes_on('}')) {
      const std::string key = string();
      expect(':');
      take_value(key);
    }
  }

  /// Takes an array, or null. `take_value()` is called at each element, and takes it.
  template <class TakeValue>
  void elements(TakeValue&& take_value) {
    if (takes_null()) return;
    for (bool more = opens('[', ']'); more; more = goes_on(']')) take_value();
  }

  /// Takes a string; of null it is empty.
  std::string string();
  /// Takes whatever value there is, and answers with its text.
  std::string_view skip();
  /// Nothing but white space may be left.
  void end();

 private:
  char peek();
  void expect(char wanted);
  bool takes_null();
  /// Takes the bracket that opens, and the one that closes if it follows at once: then false.
  bool opens(char open, char close);
  /// Takes a comma: true, or the bracket that closes.
  bool goes_on(char close);
  std::string_view take_quoted();
  void skip_nested();

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace flanneld
