#include "shared/http/request_id.h"

#include <algorithm>
#include <optional>

#include "shared/base/id.h"

namespace tributary {
namespace {

constexpr std::size_t kLengthMax = 64;
constexpr std::string_view kHexadecimal = "0123456789abcdef";

bool is_id(std::string_view text) {
  return !text.empty() && text.size() <= kLengthMax && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == ':' || c == '-';
  });
}

// Of "00-<32 digits>-<16 digits>-<2 digits>", in lower case; a later version may go on behind that.
std::optional<std::string_view> trace_id(std::string_view parent) {
  constexpr std::size_t kLength = 55;
  if (parent.size() < kLength || parent.starts_with("ff")) return std::nullopt;
  if (parent.size() > kLength && (parent.starts_with("00") || parent[kLength] != '-'))
    return std::nullopt;
  for (std::size_t i = 0; i < kLength; ++i) {
    const bool is_dash = i == 2 || i == 35 || i == 52;
    if (is_dash != (parent[i] == '-')) return std::nullopt;
    if (!is_dash && kHexadecimal.find(parent[i]) == std::string_view::npos) return std::nullopt;
  }
  const auto trace = parent.substr(3, 32);
  const auto span = parent.substr(36, 16);
  const auto all_zero = [](std::string_view digits) {
    return digits.find_first_not_of('0') == std::string_view::npos;
  };
  if (all_zero(trace) || all_zero(span)) return std::nullopt;
  return trace;
}

}  // namespace

std::string request_id(const HttpRequest& request) {
  if (const auto given = request.header("X-Request-Id"); given && is_id(*given))
    return std::string(*given);
  if (const auto parent = request.header("traceparent")) {
    if (const auto trace = trace_id(*parent)) return std::string(*trace);
  }
  return Id::random().text();
}

}  // namespace tributary
