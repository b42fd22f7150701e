#pragma once

#include <cstddef>
#include <expected>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tributary {

// What a request line asks for. Segments are split before they are decoded, so that an encoded
// slash never makes two of one.
struct RequestTarget {
  std::string path;
  std::vector<std::string> segments;
  std::vector<std::pair<std::string, std::string>> query;

  // The error says what is wrong with it. "http://host/path" is taken as "/path" (RFC 9112, 3.2.2).
  static std::expected<RequestTarget, std::string_view> parse(std::string_view text);
};

// Finds the route of a request by its number. A literal segment goes before a captured one.
class Router {
 public:
  // "/ingest/{pipeline}".
  void add(std::string method, std::string_view pattern);

  struct Match {
    std::optional<std::size_t> route;  // by the order of add(); none: `allowed` says why
    std::map<std::string, std::string, std::less<>> captured;
    std::string allowed;  // the methods of this path, "GET, HEAD"; empty: no such path
  };
  // HEAD finds the route of GET where it has none of its own.
  [[nodiscard]] Match find(std::string_view method, const std::vector<std::string>& segments) const;

 private:
  struct Segment {
    std::string text;
    bool captured;
  };
  struct Route {
    std::string method;
    std::vector<Segment> segments;
  };
  static bool matches(const Route& route, const std::vector<std::string>& segments);
  static bool goes_before(const Route& route, const Route& other);

  std::vector<Route> routes_;
};

}  // namespace tributary
