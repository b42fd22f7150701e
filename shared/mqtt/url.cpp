#include "shared/mqtt/url.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <memory>
#include <optional>
#include <utility>

namespace tributary {
namespace {

constexpr std::uint16_t kPort = 1883;
constexpr std::uint16_t kTlsPort = 8883;

std::unexpected<Error> bad_url(std::string_view why) {
  return fail(errc::invalid_argument,
              "MQTT URL: " + std::string(why) + "; it looks like mqtt://[user@]host[:1883]");
}

bool take_scheme(std::string_view& url, std::string_view scheme) {
  const auto same = [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; };
  if (url.size() < scheme.size() || !std::equal(scheme.begin(), scheme.end(), url.begin(),
                                                [&](char b, char a) { return same(a, b); })) {
    return false;
  }
  url.remove_prefix(scheme.size());
  return true;
}

// RFC 3986, 2.1. Nothing for a broken escape or an encoded NUL.
std::optional<std::string> percent_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded.push_back(text[i]);
      continue;
    }
    unsigned value = 0;
    if (text.size() - i < 3) return std::nullopt;
    const char* const end = text.data() + i + 3;
    const auto [stop, error] = std::from_chars(text.data() + i + 1, end, value, 16);
    if (error != std::errc{} || stop != end || value == 0) return std::nullopt;
    decoded.push_back(static_cast<char>(value));
    i += 2;
  }
  return decoded;
}

Result<std::uint16_t> parse_port(std::string_view text) {
  unsigned port = 0;
  const char* const end = std::to_address(text.end());
  const auto [stop, error] = std::from_chars(std::to_address(text.begin()), end, port);
  if (error != std::errc{} || stop != end || port == 0 || port > 65'535) {
    return bad_url("the port must be a number from 1 to 65535");
  }
  return static_cast<std::uint16_t>(port);
}

bool is_host(std::string_view host, std::string_view also_allowed) {
  return !host.empty() && std::ranges::all_of(host, [&](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || also_allowed.contains(c);
  });
}

// host, host:port or [IPv6]:port into `to`.
Result<void> parse_address(std::string_view address, MqttUrl& to) {
  std::string_view port;
  if (address.starts_with('[')) {
    const auto close = address.find(']');
    if (close == std::string_view::npos) return bad_url("the ] of an IPv6 address is missing");
    to.host = address.substr(1, close - 1);
    port = address.substr(close + 1);
    if (!port.empty() && !port.starts_with(':'))
      return bad_url("a port follows the ] with a colon");
    if (!is_host(to.host, ":.%-_")) return bad_url("there is no IPv6 address in the brackets");
  } else {
    const auto colon = address.find(':');
    to.host = address.substr(0, colon);
    if (colon != std::string_view::npos) port = address.substr(colon);
    if (port.find(':', 1) != std::string_view::npos) {
      return bad_url("an IPv6 address stands in brackets");
    }
    if (!is_host(to.host, ".-_"))
      return bad_url("the host is missing or has a character no host has");
  }
  if (!port.empty()) {
    TRIBUTARY_ASSIGN(to.port, parse_port(port.substr(1)));
  }
  return {};
}

}  // namespace

Result<MqttUrl> parse_mqtt_url(std::string_view url) {
  MqttUrl parsed;
  if (take_scheme(url, "mqtts://")) {
    parsed.tls = true;
    parsed.port = kTlsPort;
  } else if (take_scheme(url, "mqtt://")) {
    parsed.port = kPort;
  } else {
    return bad_url("it must begin with mqtt:// or mqtts://");
  }
  const auto slash = url.find_first_of("/?#");
  if (slash != std::string_view::npos && url.substr(slash) != "/") {
    return bad_url("nothing may follow the host and port");
  }
  url = url.substr(0, slash);
  if (const auto at = url.rfind('@'); at != std::string_view::npos) {
    const auto user = url.substr(0, at);
    if (user.contains(':')) {
      return fail(errc::invalid_argument,
                  "MQTT URL: a password in it would end up in logs; set mqtt.password in the "
                  "environment or name a file");
    }
    auto decoded = percent_decoded(user);
    if (!decoded || decoded->empty())
      return bad_url("the user name before @ is empty or badly escaped");
    parsed.user = *std::move(decoded);
    url.remove_prefix(at + 1);
  }
  TRIBUTARY_TRY(parse_address(url, parsed));
  return parsed;
}

bool topic_matches(std::string_view filter, std::string_view topic) {
  if (topic.starts_with('$') && (filter.starts_with('+') || filter.starts_with('#'))) return false;
  const auto take_level = [](std::string_view& rest) -> std::pair<std::string_view, bool> {
    const auto slash = rest.find('/');
    const auto level = rest.substr(0, slash);
    rest.remove_prefix(slash == std::string_view::npos ? rest.size() : slash + 1);
    return {level, slash != std::string_view::npos};
  };
  while (true) {
    const auto [wanted, filter_goes_on] = take_level(filter);
    if (wanted == "#") return !filter_goes_on;
    const auto [level, topic_goes_on] = take_level(topic);
    if (wanted != "+" && wanted != level) return false;
    // "a/#" matches "a" too.
    if (!topic_goes_on) return !filter_goes_on || filter == "#";
    if (!filter_goes_on) return false;
  }
}

}  // namespace tributary
