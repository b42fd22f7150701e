#pragma once

// Internal to shared/http: Asio comes with it.

#include <asio.hpp>
#include <optional>
#include <string_view>

namespace tributary::http {

// "127.0.0.1:8000", "[::1]:8000", "localhost:8000"; nothing for any other text.
std::optional<asio::ip::tcp::endpoint> parse_listen_address(std::string_view text);

}  // namespace tributary::http
