#include "shared/event/json.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

namespace tributary {
namespace {

using nlohmann::json;

constexpr double kTwoTo63 = 9223372036854775808.0;
constexpr int kNumberOverflow = 406;  // nlohmann's id of "number overflow"

// Builds the document from nlohmann's callbacks (json.hpp, "json_sax"), and stops at the first
// thing that nlohmann lets pass and we don't.
class DocumentBuilder {
 public:
  explicit DocumentBuilder(std::size_t nesting_max) : nesting_max_(nesting_max) {
    open_.reserve(8);
  }

  json& document() { return document_; }
  Problem& problem() { return problem_; }

  bool null() { return put(nullptr); }
  bool boolean(bool value) { return put(value); }
  bool number_integer(std::int64_t value) { return put(value); }

  bool number_unsigned(std::uint64_t value) {
    if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      return refuse_integer(std::to_string(value));
    }
    return put(static_cast<std::int64_t>(value));
  }

  // nlohmann hands integers over here that fit neither int64 nor uint64.
  bool number_float(double value, const std::string& text) {
    if (text.find_first_not_of("-0123456789") == std::string::npos) return refuse_integer(text);
    if (value >= -kTwoTo63 && value < kTwoTo63 && std::trunc(value) == value) {
      return put(static_cast<std::int64_t>(value));
    }
    return put(value);
  }

  bool string(const std::string& value) { return put(value); }

  bool start_object(std::size_t /*unknown*/) { return open(json::value_t::object); }
  bool start_array(std::size_t /*unknown*/) { return open(json::value_t::array); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }

  bool key(const std::string& name) {
    auto& container = open_.back();
    const auto [member, is_new] = container.object->try_emplace(name);
    container.name = &member->first;
    container.value = &member->second;
    return is_new || refuse(pointer_to_value(), "is there more than once");
  }

  template <class Exception>
  bool parse_error(std::size_t /*position*/, const std::string& /*token*/, const Exception& error) {
    if (error.id == kNumberOverflow) {
      return refuse(pointer_to_value(), "is a number beyond the range of a double");
    }
    return refuse(pointer_to_container(), words(error.what()));
  }

  bool binary(json::binary_t& /*value*/) { return false; }  // not in JSON

 private:
  struct Container {
    json::object_t* object = nullptr;  // one of these two
    json::array_t* array = nullptr;
    const std::string* name = nullptr;  // of the member that waits for its value, or is open
    json* value = nullptr;
  };

  template <class Value>
  bool put(Value&& value) {
    place(std::forward<Value>(value));
    return true;
  }

  template <class Value>
  json& place(Value&& value) {
    if (open_.empty()) return document_ = json(std::forward<Value>(value));
    auto& container = open_.back();
    if (container.array != nullptr) {
      return container.array->emplace_back(std::forward<Value>(value));
    }
    auto& member = *container.value;
    member = json(std::forward<Value>(value));
    return member;
  }

  bool open(json::value_t type) {
    if (open_.size() == nesting_max_) {
      return refuse(pointer_to_value(),
                    "is nested deeper than " + std::to_string(nesting_max_) + " levels");
    }
    auto& value = place(type);
    open_.push_back(
        {.object = value.get_ptr<json::object_t*>(), .array = value.get_ptr<json::array_t*>()});
    return true;
  }

  bool close() {
    open_.pop_back();
    return true;
  }

  bool refuse(std::string pointer, std::string detail) {
    problem_ = {.pointer = std::move(pointer), .detail = std::move(detail)};
    return false;
  }

  bool refuse_integer(std::string_view text) {
    constexpr std::size_t kDigitsShown = 40;
    auto shown = std::string(text.substr(0, kDigitsShown));
    if (text.size() > kDigitsShown) shown += "…";
    return refuse(pointer_to_value(),
                  "is " + shown + ": integers go from -9223372036854775808 to 9223372036854775807");
  }

  // Of what is just being read.
  [[nodiscard]] std::string pointer_to_value() const {
    auto pointer = pointer_to_container();
    if (open_.empty()) return pointer;
    if (const auto& last = open_.back(); last.array != nullptr) {
      append_step(pointer, last.array->size());
    } else if (last.name != nullptr) {
      append_step(pointer, *last.name);
    }
    return pointer;
  }

  // Of the innermost container that is open: what is broken inside of it can't be told for sure.
  [[nodiscard]] std::string pointer_to_container() const {
    std::string pointer;
    for (std::size_t i = 0; i + 1 < open_.size(); ++i) {
      if (open_[i].array != nullptr) {
        append_step(pointer, open_[i].array->size() - 1);
      } else {
        append_step(pointer, *open_[i].name);
      }
    }
    return pointer;
  }

  // Of "[json.exception.parse_error.101] parse error at line 1, column 5: syntax error while
  // parsing value - invalid literal; last read: 'tru'; expected '}'", the place and the reason,
  // without what was read: it may be long, and is not UTF-8 when that is the complaint.
  static std::string words(std::string_view message) {
    const auto between = [&message](std::string_view before, std::string_view after) {
      const auto from = message.find(before);
      if (from == std::string_view::npos) return std::string_view();
      const auto rest = message.substr(from + before.size());
      return rest.substr(0, rest.find(after));
    };
    std::string words = "is not JSON";
    if (const auto place = between("parse error at ", ":"); !place.empty()) {
      words.append(", at ").append(place);
    }
    if (const auto reason = between(" - ", "; last read"); !reason.empty()) {
      words.append(": ").append(reason);
    }
    return words;
  }

  std::size_t nesting_max_;
  json document_;
  std::vector<Container> open_;
  Problem problem_;
};

// What nlohmann takes for a part of JSON that is none: a byte order mark, and a NUL byte as the
// end.
std::optional<Problem> find_foreign_bytes(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) {
    return Problem{.pointer = "", .detail = "starts with a byte order mark: leave it out"};
  }
  if (const auto at = text.find('\0'); at != std::string_view::npos) {
    return Problem{.pointer = "",
                   .detail = "is not JSON: a NUL byte after " + std::to_string(at) + " bytes"};
  }
  return std::nullopt;
}

}  // namespace

std::expected<json, Problem> parse_json(std::string_view text, std::size_t nesting_max) {
  if (auto problem = find_foreign_bytes(text)) return std::unexpected(std::move(*problem));
  DocumentBuilder builder(nesting_max);
  if (!json::sax_parse(text.data(), text.data() + text.size(), &builder)) {
    return std::unexpected(std::move(builder.problem()));
  }
  return std::move(builder.document());
}

std::string kind_of(const json& value) {
  const std::string_view name = value.type_name();
  if (name == "null") return "null";
  return (name == "array" || name == "object" ? "an " : "a ") + std::string(name);
}

std::string wrong_kind(const json& value, std::string_view must_be) {
  return "is " + kind_of(value) + ": must be " + std::string(must_be);
}

}  // namespace tributary
