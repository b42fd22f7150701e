#include "collector/store/postgresql_error.h"

#include <algorithm>
#include <array>

namespace tributary::collector {

bool is_of_the_row(std::string_view state) {
  if (state == "22P04") return false;  // what COPY gets is no row at all
  return state.starts_with("22") ||    // data exception: a NUL, a number that its column can't hold
         state.starts_with("23") ||    // integrity constraint violation, of no index of ours
         state.starts_with("54");      // program limit exceeded: too large for an index
}

bool is_of_the_server(std::string_view state) {
  constexpr std::array<std::string_view, 14> kClasses{
      "08",  // connection exception
      "25",  // invalid transaction state: read only
      "26",  // a statement that isn't there
      "28",  // invalid authorization
      "3D",  // no such database
      "3F",  // no such schema
      "40",  // transaction rollback: deadlock
      "42",  // a table or a right is missing
      "53",  // insufficient resources: disk full
      "55",  // not in this state: locked
      "57",  // operator intervention
      "58",  // system error
      "F0",  // a file of its configuration
      "XX",  // internal error
  };
  return std::ranges::find(kClasses, state.substr(0, 2)) != kClasses.end();
}

bool is_cancelled(std::string_view state) { return state == "57014"; }

bool is_missing_table(std::string_view state) { return state == "42P01"; }

bool is_of_the_table(std::string_view state) { return state.starts_with("42"); }

}  // namespace tributary::collector
