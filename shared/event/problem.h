#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tributary {

// Why some bytes are not what they should be: where (a JSON Pointer, RFC 6901; "" is the whole) and
// what, in words that go on after the pointer.
struct Problem {
  std::string pointer;
  std::string detail;  // "is 130: at most 100", "is missing"
};

// "/humidity is 130: at most 100"
std::string to_text(const Problem& problem);

// Adds one step to a JSON Pointer: into the member of that name, or the element of that index.
void append_step(std::string& pointer, std::string_view name);
void append_step(std::string& pointer, std::size_t index);

// The same problem, seen from the object or array around it.
Problem within(std::string_view name, Problem problem);
Problem within(std::size_t index, Problem problem);

}  // namespace tributary
