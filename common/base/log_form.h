// The form of the lines that log.h writes, for programs that let the operator choose it.
#pragma once

#include <string>
#include <string_view>

namespace base {

/// Makes a line without its end. No part holds a control character, and all are UTF-8.
using LogForm = std::string (*)(std::string_view time, std::string_view level, std::string_view text);

/// Lines have this form from now on; for the journal too, behind the level as a number.
void set_log_form(LogForm form);

}  // namespace base
