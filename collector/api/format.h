#pragma once

#include <optional>
#include <string_view>

namespace tributary::collector {

// How the rows of an answer are written.
enum class Format { json, ndjson, csv };

// "json", "ndjson", "csv"; nothing for anything else.
std::optional<Format> parse_format(std::string_view name);
// With its parameters, as it stands in Content-Type.
std::string_view content_type(Format format);
// The one that a client likes best (Accept; RFC 9110, 12.5.1); nothing when it takes none of them.
std::optional<Format> format_for(std::string_view accept);
// What format_for() chooses from, for messages.
inline constexpr std::string_view kMediaTypes = "application/json, application/x-ndjson, text/csv";

}  // namespace tributary::collector
