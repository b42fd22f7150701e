#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tributary {

// Internal to shared/config; the public face is read_dotenv() of settings.h.
struct DotenvLine {
  std::size_t number = 0;  // from 1
  std::string name;        // empty: the line isn't of the form
  std::string value;
};

// KEY=VALUE lines. Blank lines and those that begin with # are passed over, a leading `export `
// too. 'single quotes' hold anything, "double quotes" know \n \t \" \\ \$; without quotes the value
// ends before a # that follows a space. Nothing is substituted.
std::vector<DotenvLine> parse_dotenv(std::string_view text);

}  // namespace tributary
