#include "common/cni/error.h"

#include <fmt/format.h>

#include <cerrno>
#include <new>

#include "common/base/error.h"
#include "common/json/json.h"

namespace cni {
namespace {

/// Whether the cause may pass without anybody's help.
bool is_transient(int error_number) {
  return error_number == ETIMEDOUT || error_number == ETXTBSY || error_number == EAGAIN ||
         error_number == ENOMEM || error_number == EMFILE || error_number == ENFILE;
}

}  // namespace

ErrorCode code_of(int error_number) {
  return is_transient(error_number) ? ErrorCode::try_again_later : ErrorCode::io_failure;
}

Error current_error() {
  try {
    throw;
  } catch (const Error& error) {
    return error;
  } catch (const base::ValueError& error) {
    return {ErrorCode::invalid_config, error.what()};
  } catch (const base::ParseError& error) {
    return {ErrorCode::decoding_failure, error.what()};
  } catch (const base::KernelError& error) {
    return {is_transient(error.error_number()) ? ErrorCode::try_again_later : ErrorCode::kernel_refused,
            error.what()};
  } catch (const base::SystemError& error) {
    return {code_of(error.error_number()), error.what()};
  } catch (const nlohmann::json::exception& error) {
    return {ErrorCode::decoding_failure, error.what()};
  } catch (const std::bad_alloc&) {
    return {ErrorCode::try_again_later, "out of memory"};
  } catch (const std::exception& error) {
    return {ErrorCode::internal, error.what()};
  } catch (...) {
    return {ErrorCode::internal, "unknown failure"};
  }
}

std::string one_line(const Error& error) {
  return error.details().empty() ? error.what() : fmt::format("{}; {}", error.what(), error.details());
}

void Attempts::throw_if_any() const {
  if (failures_.empty()) return;
  const auto& [doing, first] = failures_.front();
  if (failures_.size() == 1)
    throw Error(first.code(), fmt::format("{}: {}", doing, first.what()), first.details());
  std::vector<std::string> lines;
  for (const auto& [what, error] : failures_) lines.push_back(fmt::format("{}: {}", what, one_line(error)));
  throw Error(first.code(), fmt::format("{} steps failed, the others were done", failures_.size()),
              fmt::format("{}", fmt::join(lines, "; ")));
}

}  // namespace cni
