#include "shared/observe/logging.h"

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <memory>

#include "shared/base/clock.h"
#include "shared/base/json_string.h"

namespace tributary {
namespace {

// spdlog gives the level, the lock and the sink; the line is made here.
struct Logging {
  LogFormat format;
  spdlog::logger logger;
  std::unique_ptr<Logging> former;  // of an earlier start: somebody may still be writing there
};
std::atomic<Logging*> logging{nullptr};

std::string_view name_of(LogLevel level) {
  constexpr std::array<std::string_view, 4> kNames = {"debug", "info", "warning", "error"};
  return kNames[static_cast<std::size_t>(level)];
}

spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      break;
  }
  return spdlog::level::err;
}

template <class Number>
std::string number_text(Number number) {
  std::array<char, 32> digits{};
  return {digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr};
}

// A value that is no text, as JSON and people write it.
struct PlainValue {
  std::string operator()(std::string_view) const { return {}; }
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(double value) const { return number_text(value); }
  std::string operator()(std::int64_t value) const { return number_text(value); }
  std::string operator()(std::uint64_t value) const { return number_text(value); }
};

std::string json_value(const LogField::Value& value) {
  if (const auto* text = std::get_if<std::string_view>(&value)) return json_string(*text);
  if (const auto* number = std::get_if<double>(&value);
      number != nullptr && !std::isfinite(*number)) {
    return json_string(number_text(*number));
  }
  return std::visit(PlainValue(), value);
}

// As it is when it is one plain word, else as JSON would write it.
std::string text_value(const LogField::Value& value) {
  const auto* const text = std::get_if<std::string_view>(&value);
  if (text == nullptr) return std::visit(PlainValue(), value);
  std::string quoted = json_string(*text);
  const bool plain = !text->empty() && quoted.size() == text->size() + 2 &&
                     text->find_first_of(" =") == std::string_view::npos;
  return plain ? std::string(*text) : quoted;
}

std::string json_line(const Timestamp& now, LogLevel level, std::string_view component,
                      std::string_view message, std::initializer_list<LogField> fields) {
  std::string line = "{\"time\":\"";
  now.append_text(line);
  line.append(R"(","level":")")
      .append(name_of(level))
      .append("\",\"component\":")
      .append(json_string(component));
  line.append(",\"message\":").append(json_string(message));
  for (const auto& field : fields) {
    line.append(",").append(json_string(field.name)).append(":").append(json_value(field.value));
  }
  return line += '}';
}

std::string text_line(const Timestamp& now, LogLevel level, std::string_view component,
                      std::string_view message, std::initializer_list<LogField> fields) {
  const std::time_t seconds = now.seconds;
  std::tm local{};
  ::localtime_r(&seconds, &local);
  std::array<char, 16> clock{};
  std::string line(clock.data(), std::strftime(clock.data(), clock.size(), "%H:%M:%S.", &local));
  const std::string milliseconds = std::to_string(now.nanoseconds / 1'000'000);
  line.append(3 - std::min<std::size_t>(milliseconds.size(), 3), '0').append(milliseconds);
  const std::string quoted = json_string(message);
  line.append(" ").append(name_of(level)).append(" ").append(component).append(": ");
  // Without its quotes: a message of several lines stays on one.
  line.append(quoted, 1, quoted.size() - 2);
  for (const auto& field : fields)
    line.append(" ").append(field.name).append("=").append(text_value(field.value));
  return line;
}

}  // namespace

void start_logging(LogFormat format, LogLevel least) {
  auto started = std::make_unique<Logging>(
      format, spdlog::logger("", std::make_shared<spdlog::sinks::stderr_sink_mt>()), nullptr);
  started->logger.set_formatter(std::make_unique<spdlog::pattern_formatter>("%v"));
  started->logger.set_level(spdlog_level(least));
  started->former.reset(logging.load());
  // Never destroyed: threads may log up to the very end of the process.
  logging.store(started.release());
}

LogFormat log_format_for(std::string_view option) {
  if (option == "json") return LogFormat::json;
  if (option == "text") return LogFormat::text;
  return ::isatty(STDERR_FILENO) == 1 ? LogFormat::text : LogFormat::json;
}

void log_line(LogLevel level, std::string_view component, std::string_view message,
              std::initializer_list<LogField> fields) {
  Logging* const to = logging.load();
  if (to == nullptr || !to->logger.should_log(spdlog_level(level))) return;
  try {
    Timestamp now = SystemClock().now();
    now.nanoseconds -= now.nanoseconds % 1'000'000;
    const std::string line = to->format == LogFormat::json
                                 ? json_line(now, level, component, message, fields)
                                 : text_line(now, level, component, message, fields);
    to->logger.log(spdlog_level(level), spdlog::string_view_t(line));
  } catch (...) {
    std::fputs("a log line was lost\n", stderr);
  }
}

}  // namespace tributary
