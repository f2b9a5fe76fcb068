// Text for HTML. Pure.
#pragma once

#include <string>
#include <string_view>

namespace flanneld::page {

/// So that a browser shows `text` as it is, in an element or in a quoted attribute, whoever wrote it.
std::string escape(std::string_view text);

}  // namespace flanneld::page
