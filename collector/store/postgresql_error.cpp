#include "collector/store/postgresql_error.h"

namespace tributary::collector {

bool is_of_the_row(std::string_view state) {
  if (state == "22P04") return false;  // what COPY gets is no row at all
  return state.starts_with("22") ||    // data exception: a NUL, a number that its column can't hold
         state.starts_with("23") ||    // integrity constraint violation, of no index of ours
         state.starts_with("54");      // program limit exceeded: too large for an index
}

bool is_cancelled(std::string_view state) { return state == "57014"; }

bool is_missing_table(std::string_view state) { return state == "42P01"; }

bool is_of_the_table(std::string_view state) { return state.starts_with("42"); }

}  // namespace tributary::collector
