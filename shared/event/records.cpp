// Splits a text into records without parsing them: only strings, brackets and commas matter.

#include <array>
#include <optional>

#include "shared/event/json.h"

namespace tributary {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

// 1 for the bytes that a scan outside of strings stops at.
constexpr auto kStructural = [] {
  std::array<bool, 256> structural{};
  for (const char c : {'"', '{', '}', '[', ']', ','})
    structural[static_cast<unsigned char>(c)] = true;
  return structural;
}();

// Behind the string's closing quote; nothing when it has none. `at` is behind the opening one.
std::optional<std::size_t> string_end(std::string_view text, std::size_t at) {
  for (; at < text.size(); ++at) {
    if (text[at] == '"') return at + 1;
    if (text[at] == '\\') ++at;
  }
  return std::nullopt;
}

// Walks over one value, or over the elements of one array, keeping its brackets on a stack of its
// own, so that no depth of them can overflow the program's.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  // Behind the container that starts at `at`; nothing when its brackets or strings don't fit.
  // `on_comma` is called with the place of each comma between its elements.
  template <class OnComma>
  std::optional<std::size_t> container_end(std::size_t at, OnComma on_comma) {
    open_.clear();
    for (; at < text_.size(); ++at) {
      const char c = text_[at];
      if (!kStructural[static_cast<unsigned char>(c)]) continue;
      if (c == '"') {
        const auto end = string_end(text_, at + 1);
        if (!end) return std::nullopt;
        at = *end - 1;
      } else if (c == ',') {
        if (open_.size() == 1) on_comma(at);
      } else if (c == '{' || c == '[') {
        open_ += c == '{' ? '}' : ']';
      } else {
        if (open_.empty() || open_.back() != c) return std::nullopt;
        open_.pop_back();
        if (open_.empty()) return at + 1;
      }
    }
    return std::nullopt;
  }

  std::optional<std::size_t> container_end(std::size_t at) {
    return container_end(at, [](std::size_t) {});
  }

 private:
  std::string_view text_;
  std::string open_;  // the closing brackets that are still to come
};

// Nothing when the array isn't well-formed as far as its elements' ends go.
std::optional<std::vector<std::string_view>> elements(std::string_view array) {
  std::vector<std::string_view> found;
  bool empty_element = false;
  std::size_t start = 1;
  const auto take = [&](std::size_t end) {
    found.push_back(trim(array.substr(start, end - start)));
    empty_element = empty_element || found.back().empty();
    start = end + 1;
  };
  const auto end = Scanner(array).container_end(0, take);
  if (end != array.size()) return std::nullopt;
  if (found.empty() && trim(array.substr(1, array.size() - 2)).empty()) return found;
  take(array.size() - 1);
  if (empty_element) return std::nullopt;
  return found;
}

std::vector<std::string_view> lines(std::string_view text) {
  std::vector<std::string_view> found;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    if (const auto line = trim(text.substr(0, end)); !line.empty()) found.push_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return found;
}

}  // namespace

std::vector<std::string_view> split_records(std::string_view text, Framing framing) {
  if (framing == Framing::ndjson) return lines(text);
  text = trim(text);
  if (text.empty()) return {};
  if (text.front() == '[') return elements(text).value_or(std::vector{text});

  const auto first_line = text.substr(0, text.find('\n'));
  if (text.front() != '{' || first_line.size() == text.size()) return lines(text);
  if (Scanner(first_line).container_end(0)) return lines(text);
  if (Scanner(text).container_end(0) == text.size()) return {text};
  if (trim(text.substr(first_line.size())).starts_with('{')) return lines(text);
  return {text};
}

}  // namespace tributary
