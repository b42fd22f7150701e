#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "collector/ingest/topic_map.h"
#include "shared/event/problem.h"

namespace tributary::collector {

// What one message's topic and its rule say of every record in it. They are put into the record's
// text as it is: what the device wrote stays byte for byte.
class TopicMembers {
 public:
  // A topic that matches the rule.
  TopicMembers(const TopicRule& rule, std::string_view topic);

  // The record with the members that it lacks at its end; empty when it lacks none. A problem when
  // it isn't a JSON object, or says of a member something else than the topic. Only looks at the
  // names of members: whether the rest is valid is for the codec to find.
  [[nodiscard]] std::expected<std::string, Problem> add_to(std::string_view record) const;

 private:
  struct Member {
    std::string name;
    std::string json;    // ,"name":value
    std::string says;    // the value that it has to have …
    bool fixed = false;  // … if it has to
  };

  std::vector<Member> members_;
};

}  // namespace tributary::collector
