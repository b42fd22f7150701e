#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <system_error>

namespace tributary {

// Failures of our own that a caller may want to tell apart. Failures of the operating system keep
// their errno in std::generic_category() / std::system_category().
enum class errc {
  invalid_argument = 1,  // the caller's data is not what the contract asks for
  too_large,             // a record, a file or a request is over its limit
  log_full,              // the log's quota is used up and its policy forbids dropping
  log_locked,            // another process has the log open
  unknown_version,       // a file was written by a newer or foreign program; it is left untouched
  corrupt,               // bytes failed their checksum
  window_full,           // as many batches are in flight as allowed: poll, then publish again
  queue_full,            // a bounded queue is full: slow down, poll, then append again
  not_connected,         // no connection to the peer right now; it is being re-established
  refused,               // the peer answered, and said no
  timed_out,             // no answer within the time allowed
  stopped,               // a stop was requested while waiting
  not_found,             // what was named doesn't exist
  unavailable,           // a part this depends on is down for now
  unsupported,           // a schema keyword, an option or a protocol feature that isn't there
};

std::error_code make_error_code(errc code);

}  // namespace tributary

template <>
struct std::is_error_code_enum<tributary::errc> : std::true_type {};

namespace tributary {

// What went wrong, in words for the person who must mend it: the context says what was being
// done, to which thing, and what to do about it; the code says why it failed.
class [[nodiscard]] Error {
 public:
  Error(std::error_code code, std::string context) : code_(code), context_(std::move(context)) {}
  Error(errc code, std::string context) : Error(make_error_code(code), std::move(context)) {}

  [[nodiscard]] const std::error_code& code() const { return code_; }
  [[nodiscard]] const std::string& context() const { return context_; }
  // "context: reason"; the reason is left out for our own codes, whose context says it all.
  [[nodiscard]] std::string message() const;
  // The same error, seen from one level up: "outer: context".
  [[nodiscard]] Error within(std::string_view outer) const;

 private:
  std::error_code code_;
  std::string context_;
};

inline bool operator==(const Error& error, errc code) {
  return error.code() == make_error_code(code);
}

template <class T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(errc code, std::string context) {
  return std::unexpected(Error(code, std::move(context)));
}
// The failure of the system call just made: reads errno.
std::unexpected<Error> fail_errno(std::string context);

}  // namespace tributary

// Hands a failure to the caller; goes on otherwise.
#define TRIBUTARY_TRY(expression)                                  \
  do {                                                             \
    if (auto tributary_result = (expression); !tributary_result) { \
      return std::unexpected(std::move(tributary_result).error()); \
    }                                                              \
  } while (false)

#define TRIBUTARY_CONCAT_INNER(a, b) a##b
#define TRIBUTARY_CONCAT(a, b) TRIBUTARY_CONCAT_INNER(a, b)
#define TRIBUTARY_ASSIGN_AS(result, declaration, expression)      \
  auto result = (expression);                                     \
  if (!result) return std::unexpected(std::move(result).error()); \
  declaration = std::move(*result)

// TRIBUTARY_ASSIGN(auto file, files.open(path)): the value, or the failure to the caller.
#define TRIBUTARY_ASSIGN(declaration, expression) \
  TRIBUTARY_ASSIGN_AS(TRIBUTARY_CONCAT(tributary_result_, __LINE__), declaration, expression)
