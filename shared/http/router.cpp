#include "shared/http/router.h"

#include <algorithm>
#include <set>

namespace tributary {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

enum class Plus { literal, space };

// Percent-decoding; nothing when a percent sign isn't followed by two hexadecimal digits.
std::optional<std::string> decoded(std::string_view text, Plus plus) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus == Plus::space) {
      result += ' ';
    } else if (text[i] != '%') {
      result += text[i];
    } else {
      const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0) return std::nullopt;
      result += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return result;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const auto at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

// "http://host:1/path?query" → "/path?query".
std::string_view without_origin(std::string_view target) {
  const auto scheme = target.find("://");
  if (target.starts_with('/') || scheme == std::string_view::npos) return target;
  const auto path = target.find_first_of("/?", scheme + 3);
  return path == std::string_view::npos ? std::string_view("/") : target.substr(path);
}

}  // namespace

std::expected<RequestTarget, std::string_view> RequestTarget::parse(std::string_view text) {
  text = without_origin(text.substr(0, text.find('#')));
  const auto question = text.find('?');
  std::string_view path = text.substr(0, question);
  if (path.starts_with('/')) path.remove_prefix(1);

  RequestTarget target;
  for (const auto part : split(path, '/')) {
    auto segment = decoded(part, Plus::literal);
    if (!segment)
      return std::unexpected("the path has a % without two hexadecimal digits after it");
    if (segment->find('\0') != std::string::npos)
      return std::unexpected("the path has a zero byte");
    target.path += '/' + *segment;
    target.segments.push_back(std::move(*segment));
  }
  if (question == std::string_view::npos) return target;
  for (const auto part : split(text.substr(question + 1), '&')) {
    if (part.empty()) continue;
    const auto equals = part.find('=');
    auto name = decoded(part.substr(0, equals), Plus::space);
    auto value = equals == std::string_view::npos ? std::optional<std::string>(std::string())
                                                  : decoded(part.substr(equals + 1), Plus::space);
    if (!name || !value) {
      return std::unexpected("the query has a % without two hexadecimal digits after it");
    }
    target.query.emplace_back(std::move(*name), std::move(*value));
  }
  return target;
}

void Router::add(std::string method, std::string_view pattern) {
  Route route{std::move(method), {}};
  if (pattern.starts_with('/')) pattern.remove_prefix(1);
  for (const auto part : split(pattern, '/')) {
    const bool captured = part.starts_with('{') && part.ends_with('}');
    route.segments.push_back(
        {std::string(captured ? part.substr(1, part.size() - 2) : part), captured});
  }
  routes_.push_back(std::move(route));
}

bool Router::matches(const Route& route, const std::vector<std::string>& segments) {
  return std::ranges::equal(route.segments, segments,
                            [](const Segment& segment, const std::string& text) {
                              return segment.captured ? !text.empty() : segment.text == text;
                            });
}

bool Router::goes_before(const Route& route, const Route& other) {
  const auto [mine, others] = std::ranges::mismatch(route.segments, other.segments, {},
                                                    &Segment::captured, &Segment::captured);
  return mine != route.segments.end() && others != other.segments.end() && !mine->captured;
}

Router::Match Router::find(std::string_view method,
                           const std::vector<std::string>& segments) const {
  Match match;
  const Route* best = nullptr;
  std::set<std::string_view> allowed;
  for (std::size_t i = 0; i < routes_.size(); ++i) {
    const Route& route = routes_[i];
    if (!matches(route, segments)) continue;
    allowed.insert(route.method);
    if (route.method == "GET") allowed.insert("HEAD");
    const bool exact = route.method == method;
    if (!exact && !(method == "HEAD" && route.method == "GET")) continue;
    if (best != nullptr && best->method == method && !exact) continue;
    if (best != nullptr && best->method == route.method && !goes_before(route, *best)) continue;
    best = &route;
    match.route = i;
  }
  if (best != nullptr) {
    for (std::size_t i = 0; i < segments.size(); ++i) {
      if (best->segments[i].captured) match.captured[best->segments[i].text] = segments[i];
    }
  }
  for (const auto name : allowed) {
    if (!match.allowed.empty()) match.allowed += ", ";
    match.allowed += name;
  }
  return match;
}

}  // namespace tributary
