#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.h"

namespace tributary::edge {

// The shape of the events that a recording's rows become: a JSON object whose members are constants
// or slots, which are filled in for each event.
class EventTemplate {
 public:
  // The slot of that number's value as JSON text; an empty text leaves the member out.
  using Slots = std::function<void(std::size_t slot, std::string& to)>;

  // `path`: the names from the outermost object inwards. errc::invalid_argument when the member is
  // there already, or is a value where an object is needed.
  Result<void> add_constant(const std::vector<std::string>& path, std::string json);
  Result<void> add_slot(const std::vector<std::string>& path, std::size_t slot);

  // One event, members in the order in which they were added. An object of nothing but members left
  // out is left out as well.
  [[nodiscard]] std::string render(const Slots& slots) const;

 private:
  enum class Kind { object, constant, slot };
  struct Member {
    std::string name;  // with quotes and colon
    Kind kind = Kind::object;
    std::string constant;
    std::size_t slot = 0;
    std::vector<Member> members;
  };

  Result<void> add(const std::vector<std::string>& path, Member leaf);
  static bool append(std::string& to, const std::vector<Member>& members, const Slots& slots);

  std::vector<Member> members_;
};

// "values.light" → {"values", "light"}.
std::vector<std::string> member_path(std::string_view dotted);

}  // namespace tributary::edge
