#include "collector/api/format.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <ranges>
#include <string>

#include "shared/base/ascii.h"

namespace tributary::collector {
namespace {

struct Offer {
  Format format;
  std::string_view name;
  std::string_view media_type;
  std::string_view content_type;
};

// The first of those that a client likes alike is chosen.
constexpr std::array<Offer, 3> kOffers{
    Offer{Format::json, "json", "application/json", "application/json"},
    Offer{Format::ndjson, "ndjson", "application/x-ndjson", "application/x-ndjson"},
    Offer{Format::csv, "csv", "text/csv", "text/csv; charset=utf-8; header=present"}};

// How much a client wants a media type: its quality, then how exactly it named the type.
struct Preference {
  double quality = 0;
  int exactness = 0;

  auto operator<=>(const Preference&) const = default;
};

Preference preference_of(std::string_view type, std::string_view accept) {
  const auto family = std::string(type.substr(0, type.find('/'))) + "/*";
  Preference found;
  int exactness_found = 0;
  for (const auto part : std::views::split(accept, ',')) {
    const auto range = trimmed(std::string_view(part.begin(), part.end()));
    const auto name = trimmed(range.substr(0, range.find(';')));
    const int exactness = equal_in_any_case(name, type)     ? 3
                          : equal_in_any_case(name, family) ? 2
                          : name == "*/*"                   ? 1
                                                            : 0;
    if (exactness <= exactness_found) continue;
    exactness_found = exactness;
    found = {.quality = 1, .exactness = exactness};
    for (const auto given : std::views::split(range, ';')) {
      const auto parameter = trimmed(std::string_view(given.begin(), given.end()));
      if (!equal_in_any_case(parameter.substr(0, 2), "q=")) continue;
      std::from_chars(parameter.data() + 2, parameter.data() + parameter.size(), found.quality);
    }
  }
  return found;
}

}  // namespace

std::optional<Format> parse_format(std::string_view name) {
  const auto* const found = std::ranges::find(kOffers, name, &Offer::name);
  if (found == kOffers.end()) return std::nullopt;
  return found->format;
}

std::string_view content_type(Format format) {
  return std::ranges::find(kOffers, format, &Offer::format)->content_type;
}

std::optional<Format> format_for(std::string_view accept) {
  if (trimmed(accept).empty()) return Format::json;
  std::optional<Format> best;
  Preference best_preference;
  for (const auto& offer : kOffers) {
    const auto preference = preference_of(offer.media_type, accept);
    if (preference.quality <= 0 || (best && preference <= best_preference)) continue;
    best = offer.format;
    best_preference = preference;
  }
  return best;
}

}  // namespace tributary::collector
