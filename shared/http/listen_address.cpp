#include "shared/http/listen_address.h"

#include <charconv>
#include <string>

#include "shared/http/server.h"

namespace tributary {
namespace http {

std::optional<asio::ip::tcp::endpoint> parse_listen_address(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);
  std::uint16_t port = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size()) return std::nullopt;
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (host == "localhost") host = "127.0.0.1";
  asio::error_code ec;
  const auto address = asio::ip::make_address(std::string(host), ec);
  if (ec || address.is_v6() != bracketed) return std::nullopt;
  return asio::ip::tcp::endpoint(address, port);
}

}  // namespace http

std::optional<Reach> reach_of(std::string_view listen_address) {
  const auto endpoint = http::parse_listen_address(listen_address);
  if (!endpoint) return std::nullopt;
  return endpoint->address().is_loopback() ? Reach::this_machine : Reach::others_too;
}

}  // namespace tributary
