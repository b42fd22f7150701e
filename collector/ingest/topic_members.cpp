#include "collector/ingest/topic_members.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "shared/base/json_string.h"
#include "shared/event/event.h"
#include "shared/event/json.h"

namespace tributary::collector {
namespace {

constexpr std::string_view kSpace = " \t\r\n";
constexpr std::size_t kShownMax = 100;  // bytes of a value in a message

// One member of an object as it stands in the text.
struct Written {
  std::string_view name;  // with its quotes
  std::string_view value;
};

// Walks over the members of one object. Takes every valid one, and some that aren't.
class ObjectScanner {
 public:
  explicit ObjectScanner(std::string_view text) : text_(text) {}

  // Nothing when the text isn't one object, and no more.
  std::optional<std::vector<Written>> members() {
    std::vector<Written> found;
    if (!take('{')) return std::nullopt;
    if (take('}')) return at_end(found);
    while (true) {
      skip_space();
      Written member;
      member.name = take_string();
      if (member.name.empty() || !take(':')) return std::nullopt;
      member.value = take_value();
      if (member.value.empty()) return std::nullopt;
      found.push_back(member);
      if (take('}')) return at_end(found);
      if (!take(',')) return std::nullopt;
    }
  }

 private:
  std::optional<std::vector<Written>> at_end(std::vector<Written>& found) {
    skip_space();
    if (at_ != text_.size()) return std::nullopt;
    return std::move(found);
  }

  void skip_space() { at_ = std::min(text_.find_first_not_of(kSpace, at_), text_.size()); }

  bool take(char wanted) {
    skip_space();
    if (at_ == text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }

  // With its quotes; empty when there is none.
  std::string_view take_string() {
    const auto start = at_;
    if (at_ == text_.size() || text_[at_] != '"') return {};
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == '\\') {
        ++at_;
      } else if (text_[at_] == '"') {
        return text_.substr(start, ++at_ - start);
      }
    }
    return {};
  }

  std::string_view take_value() {
    skip_space();
    if (at_ == text_.size()) return {};
    if (text_[at_] == '"') return take_string();
    if (text_[at_] == '{' || text_[at_] == '[') return take_container();
    const auto start = at_;
    at_ = std::min(text_.find_first_of(" \t\r\n,}", at_), text_.size());
    return text_.substr(start, at_ - start);
  }

  std::string_view take_container() {
    const auto start = at_;
    std::size_t depth = 0;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '"') {
        if (take_string().empty()) return {};
        continue;
      }
      ++at_;
      if (c == '{' || c == '[') ++depth;
      if ((c == '}' || c == ']') && --depth == 0) return text_.substr(start, at_ - start);
    }
    return {};
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

// The text of a string without quotes and escapes, of anything else as it is written.
std::string plain(std::string_view json) {
  if (!json.starts_with('"')) return std::string(json);
  if (!json.contains('\\')) return std::string(json.substr(1, json.size() - 2));
  const auto parsed = nlohmann::json::parse(json, nullptr, false);
  return parsed.is_string() ? parsed.get<std::string>() : std::string(json);
}

bool is_named(const Written& member, std::string_view name) {
  if (member.name.contains('\\')) return plain(member.name) == name;
  return member.name.substr(1, member.name.size() - 2) == name;
}

Problem not_an_object(std::string_view record) {
  const auto parsed = parse_json(record, kNestingMax);
  if (!parsed) return parsed.error();
  return {.pointer = "", .detail = wrong_kind(*parsed, "an object")};
}

Problem speaks_for_another(const std::string& name, std::string_view value, std::string_view says) {
  Problem problem{.pointer = "",
                  .detail = "is " + json_string(plain(value).substr(0, kShownMax)) +
                            ": the topic says " + json_string(says.substr(0, kShownMax))};
  append_step(problem.pointer, name);
  return problem;
}

}  // namespace

TopicMembers::TopicMembers(const TopicRule& rule, std::string_view topic) {
  const auto levels = wildcard_levels(rule.filter, topic);
  for (const auto& [name, wildcard] : rule.fields) {
    const auto level = levels.at(wildcard - 1);
    members_.push_back({.name = name,
                        .json = "," + json_string(name) + ":" + json_string(level),
                        .says = std::string(level),
                        .fixed = true});
  }
  for (const auto& [name, json] : rule.constants) {
    members_.push_back({.name = name, .json = "," + json_string(name) + ":" + json, .says = {}});
  }
}

std::expected<std::string, Problem> TopicMembers::add_to(std::string_view record) const {
  const auto written = ObjectScanner(record).members();
  if (!written) return std::unexpected(not_an_object(record));
  std::string added;
  for (const auto& member : members_) {
    const auto found = std::ranges::find_if(
        *written, [&](const Written& each) { return is_named(each, member.name); });
    if (found == written->end()) {
      added += member.json;
    } else if (member.fixed && plain(found->value) != member.says) {
      return std::unexpected(speaks_for_another(member.name, found->value, member.says));
    }
  }
  if (added.empty()) return std::string();
  const auto end = record.rfind('}');
  std::string whole(record.substr(0, end));
  whole += written->empty() ? std::string_view(added).substr(1) : std::string_view(added);
  whole += record.substr(end);
  return whole;
}

}  // namespace tributary::collector
