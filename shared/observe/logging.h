#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

#include "shared/base/result.h"

namespace tributary {

enum class LogLevel { debug, info, warning, error };
enum class LogFormat { json, text };

// Lines on standard error: one JSON object each (`time`, `level`, `component`, `message`, then the
// fields), or text for a person. Call it once, before the first line; without it nothing is
// printed.
void start_logging(LogFormat format, LogLevel least);
// What --log-format says, else text on a terminal and json elsewhere.
LogFormat log_format_for(std::string_view option);

struct LogField {
  using Value = std::variant<std::string_view, std::int64_t, std::uint64_t, double, bool>;

  LogField(std::string_view key, std::string_view from) : name(key), value(from) {}
  LogField(std::string_view key, const std::string& from)
      : name(key), value(std::string_view(from)) {}
  LogField(std::string_view key, const char* from) : name(key), value(std::string_view(from)) {}
  LogField(std::string_view key, bool from) : name(key), value(from) {}
  LogField(std::string_view key, double from) : name(key), value(from) {}
  template <std::signed_integral Integer>
  LogField(std::string_view key, Integer from) : name(key), value(std::int64_t{from}) {}
  template <std::unsigned_integral Integer>
  LogField(std::string_view key, Integer from) : name(key), value(std::uint64_t{from}) {}

  std::string_view name;
  Value value;
};

// Any thread. Never throws, never fails; bytes that aren't UTF-8 are replaced.
void log_line(LogLevel level, std::string_view component, std::string_view message,
              std::initializer_list<LogField> fields = {});

inline void log_debug(std::string_view component, std::string_view message,
                      std::initializer_list<LogField> fields = {}) {
  log_line(LogLevel::debug, component, message, fields);
}
inline void log_info(std::string_view component, std::string_view message,
                     std::initializer_list<LogField> fields = {}) {
  log_line(LogLevel::info, component, message, fields);
}
inline void log_warning(std::string_view component, std::string_view message,
                        std::initializer_list<LogField> fields = {}) {
  log_line(LogLevel::warning, component, message, fields);
}
inline void log_error(std::string_view component, std::string_view message,
                      std::initializer_list<LogField> fields = {}) {
  log_line(LogLevel::error, component, message, fields);
}

}  // namespace tributary
