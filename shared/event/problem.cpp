#include "shared/event/problem.h"

namespace tributary {

std::string to_text(const Problem& problem) {
  return problem.pointer.empty() ? problem.detail : problem.pointer + " " + problem.detail;
}

void append_step(std::string& pointer, std::string_view name) {
  pointer += '/';
  for (const char c : name) {
    if (c == '~') {
      pointer += "~0";
    } else if (c == '/') {
      pointer += "~1";
    } else {
      pointer += c;
    }
  }
}

void append_step(std::string& pointer, std::size_t index) {
  pointer += '/';
  pointer += std::to_string(index);
}

Problem within(std::string_view name, Problem problem) {
  std::string pointer;
  append_step(pointer, name);
  problem.pointer.insert(0, pointer);
  return problem;
}

Problem within(std::size_t index, Problem problem) {
  return within(std::to_string(index), std::move(problem));
}

}  // namespace tributary
