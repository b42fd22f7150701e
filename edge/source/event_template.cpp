#include "edge/source/event_template.h"

#include <algorithm>
#include <utility>

#include "edge/source/json_text.h"

namespace tributary::edge {
namespace {

std::string quoted(const std::string& name) {
  std::string text;
  append_json_string(text, name);
  return text += ':';
}

}  // namespace

Result<void> EventTemplate::add_constant(const std::vector<std::string>& path, std::string json) {
  Member leaf;
  leaf.kind = Kind::constant;
  leaf.constant = std::move(json);
  return add(path, std::move(leaf));
}

Result<void> EventTemplate::add_slot(const std::vector<std::string>& path, std::size_t slot) {
  Member leaf;
  leaf.kind = Kind::slot;
  leaf.slot = slot;
  return add(path, std::move(leaf));
}

Result<void> EventTemplate::add(const std::vector<std::string>& path, Member leaf) {
  auto* members = &members_;
  std::string said;
  for (const auto& name : path) {
    if (name.empty()) return fail(errc::invalid_argument, "a member's name is empty");
    said += (said.empty() ? "" : ".") + name;
    const bool last = &name == &path.back();
    const auto found = std::ranges::find(*members, quoted(name), &Member::name);
    if (found != members->end() && (last || found->kind != Kind::object)) {
      return fail(errc::invalid_argument, "the member \"" + said + "\" is given twice");
    }
    auto& member = found != members->end() ? *found : members->emplace_back();
    if (last) member = std::exchange(leaf, Member());
    member.name = quoted(name);
    members = &member.members;
  }
  return {};
}

std::string EventTemplate::render(const Slots& slots) const {
  std::string event;
  if (!append(event, members_, slots)) event = "{}";
  return event;
}

// False, and `to` as it was, when no member has a value.
bool EventTemplate::append(std::string& to, const std::vector<Member>& members,
                           const Slots& slots) {
  const auto before = to.size();
  to += '{';
  const auto first = to.size();
  for (const auto& member : members) {
    const auto start = to.size();
    if (start != first) to += ',';
    to += member.name;
    const auto value = to.size();
    switch (member.kind) {
      case Kind::constant:
        to += member.constant;
        break;
      case Kind::slot:
        slots(member.slot, to);
        break;
      case Kind::object:
        append(to, member.members, slots);
        break;
    }
    if (to.size() == value) to.resize(start);
  }
  if (to.size() == first) {
    to.resize(before);
    return false;
  }
  to += '}';
  return true;
}

std::vector<std::string> member_path(std::string_view dotted) {
  std::vector<std::string> path;
  while (true) {
    const auto dot = dotted.find('.');
    path.emplace_back(dotted.substr(0, dot));
    if (dot == std::string_view::npos) return path;
    dotted.remove_prefix(dot + 1);
  }
}

}  // namespace tributary::edge
