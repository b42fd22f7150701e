#include "collector/mqtt_session.h"

#include <catch2/catch.hpp>
#include <fstream>

#include "tests/contract/stream_verbs.h"

using namespace tributary;
using namespace tributary::collector;

namespace {

using Filters = std::vector<std::string>;

class Session {
 public:
  [[nodiscard]] std::string client_id() const {
    const auto id = mqtt_client_id(posix_file_system(), directory_.path());
    REQUIRE(id);
    return *id;
  }
  [[nodiscard]] Filters given_up(const Filters& wanted) const {
    const auto filters = remember_filters(posix_file_system(), directory_.path(), wanted);
    REQUIRE(filters);
    return *filters;
  }
  void leave_unfinished(const std::string& file) const {
    std::ofstream(directory_.path() / (file + ".tmp")) << "half";
  }

 private:
  stream_verbs::TemporaryDirectory directory_;
};

}  // namespace

TEST_CASE("the client id of a session is made up once, and another one elsewhere") {
  const Session session;
  const auto id = session.client_id();
  REQUIRE(id.starts_with("tributary-collector-"));
  REQUIRE(session.client_id() == id);
  REQUIRE(Session().client_id() != id);
}

TEST_CASE("filters that aren't wanted any more are given up at every start, until they are again") {
  const Session session;
  REQUIRE(session.given_up({"a", "b/+"}).empty());
  REQUIRE(session.given_up({"a", "b/+"}).empty());
  REQUIRE(session.given_up({"a", "c"}) == Filters{"b/+"});
  REQUIRE(session.given_up({"c"}) == Filters{"a", "b/+"});
  REQUIRE(session.given_up({"b/+", "c"}) == Filters{"a"});
}

TEST_CASE("what a crash left unfinished doesn't keep a session from its files") {
  const Session session;
  session.leave_unfinished("mqtt_client_id");
  session.leave_unfinished("mqtt_subscriptions");
  REQUIRE(!session.client_id().empty());
  REQUIRE(session.given_up({"a"}).empty());
  REQUIRE(session.given_up({}) == Filters{"a"});
}
