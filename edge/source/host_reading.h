#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace tributary::edge {

// Texts in a row. The agent has little room, and this is a third of what operator+ becomes.
using Parts = std::initializer_list<std::string_view>;
std::string joined(Parts parts);

// What a host sensor found at one time, and what it did not find. Nothing is made up for what is
// missing: a value that can't be had isn't there.
class HostReading {
 public:
  struct Value {
    std::string name;    // as HOST.md has it
    double number = 0;   // finite
    std::string source;  // the file it is from
  };
  struct Gap {
    std::string what;  // a value's name, or what several names begin with
    std::string why;
  };

  // A name that is there already is a gap instead: members of an event have names of their own.
  void add(Parts name, double number, std::string_view source);
  void miss(Parts what, Parts why);

  [[nodiscard]] const std::vector<Value>& values() const { return values_; }
  [[nodiscard]] const std::vector<Gap>& gaps() const { return gaps_; }

 private:
  std::vector<Value> values_;
  std::vector<Gap> gaps_;
};

// A part of a value's name, from what the system calls a thing: characters outside of A-Z, a-z and
// 0-9 become _, and what is over 48 characters is cut off, so that queries can name the member
// (values.disk_var_lib_free_bytes).
std::string name_part(std::string_view text);

// The number with two decimals at most, as JSON has it.
std::string number_text(double number);

}  // namespace tributary::edge
