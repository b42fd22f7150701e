#pragma once

#include <optional>
#include <string_view>

namespace tributary::collector {

// The canonical text of one top-level member of an event. `event` is the canonical text of an
// object; `name` the canonical text of the member's name, with its quotes. As equal values have
// equal canonical texts, a filter compares bytes, exactly, where SQLite's json_extract would cut a
// string at a NUL.
std::optional<std::string_view> canonical_member(std::string_view event, std::string_view name);

}  // namespace tributary::collector
