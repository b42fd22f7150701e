#include "tests/support/mongodb_database.h"

#include <mongoc/mongoc.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "shared/base/id.h"
#include "tests/support/services.h"

namespace tributary {

using nlohmann::json;

class MongodbDatabase::Connection {
 public:
  explicit Connection(const std::string& address) {
    mongoc_init();
    client_.reset(mongoc_client_new(address.c_str()));
    if (!client_) throw std::runtime_error("no MongoDB URI: " + address);
    mongoc_client_set_error_api(client_.get(), MONGOC_ERROR_API_VERSION_2);
  }

  using ToJson = char* (*)(const bson_t*, std::size_t*);

  std::string run(const std::string& database, std::string_view text, ToJson to_json) {
    bson_error_t error{};
    bson_t command;
    if (!bson_init_from_json(&command, text.data(), static_cast<ssize_t>(text.size()), &error)) {
      throw std::runtime_error("no command: " + std::string(text));
    }
    bson_t reply;
    const bool done = mongoc_client_command_simple(client_.get(), database.c_str(), &command,
                                                   nullptr, &reply, &error);
    char* const reply_text = to_json(&reply, nullptr);
    std::string result = reply_text;
    bson_free(reply_text);
    bson_destroy(&command);
    bson_destroy(&reply);
    if (!done) throw std::runtime_error(std::string(text) + ": " + error.message);
    return result;
  }

 private:
  struct Destroy {
    void operator()(mongoc_client_t* client) const { mongoc_client_destroy(client); }
  };
  std::unique_ptr<mongoc_client_t, Destroy> client_;
};

MongodbDatabase::MongodbDatabase() : MongodbDatabase(mongodb_address()) {}

MongodbDatabase::MongodbDatabase(const std::string& address)
    : address_(address),
      name_("test_" + Id::random().text()),
      connection_(std::make_unique<Connection>(address)) {}

MongodbDatabase::~MongodbDatabase() {
  try {
    run(R"({"dropDatabase": 1})");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "the database stays: %s\n", error.what());
  }
}

std::string MongodbDatabase::uri(std::string_view options) const {
  return address_ + "/" + name_ + (options.empty() ? "" : "?" + std::string(options));
}

json MongodbDatabase::run(std::string_view command) {
  return json::parse(connection_->run(name_, command, bson_as_relaxed_extended_json));
}

json MongodbDatabase::run_as_admin(std::string_view command) {
  return json::parse(connection_->run("admin", command, bson_as_relaxed_extended_json));
}

std::string MongodbDatabase::run_exactly(std::string_view command) {
  return connection_->run(name_, command, bson_as_canonical_extended_json);
}

json MongodbDatabase::find(std::string_view collection, std::string_view filter) {
  return run(R"({"find": ")" + std::string(collection) + R"(", "filter": )" + std::string(filter) +
             R"(, "batchSize": 10000})")
      .at("cursor")
      .at("firstBatch");
}

}  // namespace tributary

// libmongoc counts references with atomics that the sanitizer doesn't see.
#ifdef __SANITIZE_THREAD__
extern "C" const char* __tsan_default_suppressions() {
  return "race:libmongoc-1.0.so\nrace:libbson-1.0.so\n";
}
#endif
