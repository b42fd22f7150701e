#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace tributary {

// A database of its own on a MongoDB, empty at first and dropped at the end, and what a test does
// to it behind the back of the store. One thread. Throws std::runtime_error when a command fails.
class MongodbDatabase {
 public:
  // On the MongoDB that the tests share.
  MongodbDatabase();
  // On this one: mongodb://host:port.
  explicit MongodbDatabase(const std::string& address);
  ~MongodbDatabase();
  MongodbDatabase(const MongodbDatabase&) = delete;
  MongodbDatabase& operator=(const MongodbDatabase&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }
  // mongodb://host:port/name?options
  [[nodiscard]] std::string uri(std::string_view options = "") const;

  // Runs a command, in extended JSON, and gives its reply in the same form (relaxed).
  nlohmann::json run(std::string_view command);
  nlohmann::json run_as_admin(std::string_view command);
  // The reply as canonical extended JSON, its members in the server's order: parts of it can be
  // run again.
  std::string run_exactly(std::string_view command);
  // The documents of a collection that fit the filter.
  nlohmann::json find(std::string_view collection, std::string_view filter = "{}");

 private:
  class Connection;

  std::string address_;
  std::string name_;
  std::unique_ptr<Connection> connection_;
};

}  // namespace tributary
