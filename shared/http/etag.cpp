#include "shared/http/etag.h"

#include <algorithm>

#include "shared/http/sha256.h"

namespace tributary {
namespace {

constexpr std::string_view kWeak = "W/";

std::string_view opaque(std::string_view etag) {
  return etag.starts_with(kWeak) ? etag.substr(kWeak.size()) : etag;
}

}  // namespace

std::string strong_etag(std::string_view body) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  constexpr std::size_t kBytes = 16;
  const auto hash = sha256(body);
  std::string etag = "\"";
  for (std::size_t i = 0; i < kBytes; ++i) {
    etag += kDigits[hash.at(i) >> 4U];
    etag += kDigits[hash.at(i) & 15U];
  }
  return etag += '"';
}

std::string weak_etag(std::string_view etag) {
  return std::string(etag.starts_with(kWeak) ? "" : kWeak).append(etag);
}

bool names_etag(std::string_view if_none_match, std::string_view etag) {
  const auto wanted = opaque(etag);
  // A tag may have commas, so the list is taken apart by its quotes.
  for (auto rest = if_none_match; !rest.empty();) {
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t,"), rest.size()));
    if (rest.starts_with('*')) return true;
    rest = opaque(rest);
    if (!rest.starts_with('"')) return false;
    const auto end = rest.find('"', 1);
    if (end == std::string_view::npos) return false;
    if (rest.substr(0, end + 1) == wanted) return true;
    rest.remove_prefix(end + 1);
  }
  return false;
}

}  // namespace tributary
