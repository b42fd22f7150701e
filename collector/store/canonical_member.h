#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tributary::collector {

// The members of an object, one by one, from its canonical text, which must outlive this. Of what
// is no object's text there are none; of damaged text some, all within it.
class CanonicalMembers {
 public:
  explicit CanonicalMembers(std::string_view object);

  bool next();  // on to the first one, and so on
  // Views of the text: the name with its quotes.
  [[nodiscard]] std::string_view name() const { return name_; }
  [[nodiscard]] std::string_view value() const { return value_; }

 private:
  std::string_view object_;
  std::size_t at_ = 1;
  std::string_view name_;
  std::string_view value_;
};

// The canonical text of one top-level member of an event. `event` is the canonical text of an
// object; `name` the canonical text of the member's name, with its quotes. As equal values have
// equal canonical texts, a filter compares bytes, exactly, where SQLite's json_extract would cut a
// string at a NUL.
std::optional<std::string_view> canonical_member(std::string_view event, std::string_view name);

// The same by the names on the way to it.
std::optional<std::string_view> canonical_member(std::string_view event,
                                                 std::span<const std::string> path);

// The number that a canonical text is; nothing when it is something else.
std::optional<double> canonical_number(std::string_view text);

// The numbers of an event: its members that are numbers, and those of its members that are objects.
class CanonicalNumbers {
 public:
  // Longer names are left out.
  explicit CanonicalNumbers(std::size_t name_size_max) : name_size_max_(name_size_max) {}

  void read(std::string_view event);  // its canonical text

  [[nodiscard]] std::size_t size() const { return numbers_.size(); }
  // The canonical texts of the names on the way to it, one behind the other: "values""cpu". Holds
  // until read().
  [[nodiscard]] std::string_view name(std::size_t i) const {
    return std::string_view(names_).substr(numbers_[i].name_at, numbers_[i].name_size);
  }
  [[nodiscard]] double value(std::size_t i) const { return numbers_[i].value; }
  [[nodiscard]] bool left_out() const { return left_out_; }  // a number, for its name

 private:
  struct Number {
    std::size_t name_at;
    std::size_t name_size;
    double value;
  };

  void read_number(std::string_view outer, std::string_view name, std::string_view text);

  std::size_t name_size_max_;
  std::string names_;  // one behind the other
  std::vector<Number> numbers_;
  bool left_out_ = false;
};

}  // namespace tributary::collector
