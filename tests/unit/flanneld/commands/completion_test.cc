#include "flanneld/commands/completion.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace flanneld;

TEST_CASE("completion: either shell's script knows every flag") {
  for (const char* shell : {"bash", "zsh"}) {
    const std::string script = completion_script(shell);
    for (const Flag& flag : all_flags())
      CHECK_MESSAGE(script.find(fmt::format("--{}", flag.name)) != std::string::npos, flag.name);
  }
}

TEST_CASE("completion: another shell is a mistake in the call") {
  CHECK_THROWS_WITH_AS(completion_script("fish"), "no completion for 'fish', only for bash and zsh",
                       UsageError);
}
