#include "shared/http/tokens.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "shared/base/id.h"

using namespace tributary;
using Verdict = Tokens::Verdict;

namespace {

// printf %s secret | sha256sum
const std::string kSecret =
    "sha256:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
// printf %s other | sha256sum
const std::string kOther =
    "sha256:d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa";

// A file that goes away at the end.
class File {
 public:
  explicit File(const std::string& text) { write(text); }
  ~File() { std::filesystem::remove(path_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  void write(const std::string& text, mode_t mode = 0600) const {
    const auto written = path_ + ".new";
    std::ofstream(written) << text;
    REQUIRE(::chmod(written.c_str(), mode) == 0);
    std::filesystem::rename(written, path_);
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  const std::string path_ =
      (std::filesystem::temp_directory_path() / ("tokens-" + Id::random().text())).string();
};

std::string refusal(const std::string& text) {
  const auto list = TokenList::parse(text, "tokens");
  REQUIRE_FALSE(list);
  return list.error().message();
}

}  // namespace

TEST_CASE("a token is found by its hash, with its name and its scopes") {
  const auto list = TokenList::parse("# ours\n\ngateway ingest " + kSecret + "  # the old one\n" +
                                         "\tgrafana\tquery,ingest " + kOther + "\r\n",
                                     "tokens");
  REQUIRE(list);
  REQUIRE(list->entries().size() == 2);
  const auto* const entry = list->find("secret");
  REQUIRE(entry != nullptr);
  REQUIRE(entry->name == "gateway");
  REQUIRE(entry->allows("ingest"));
  REQUIRE_FALSE(entry->allows("query"));
  REQUIRE(list->find("other")->allows("query"));
  REQUIRE(list->find("secres") == nullptr);
  REQUIRE(list->find("") == nullptr);
}

TEST_CASE("admin allows everything") {
  const auto list = TokenList::parse("root admin " + kSecret, "tokens");
  for (const auto scope : kScopes) REQUIRE(list->find("secret")->allows(scope));
}

TEST_CASE("every mistake of a file of tokens is told with its line") {
  const auto text = refusal("a ingest " + kSecret + "\n" + "b everything " + kOther + "\n" +
                            "c ingest sha256:1234\n" + "d ingest\n" + "a query " + kOther + "\n" +
                            "e query, " + kOther + "\n" + "f query " + kSecret + "\n");
  REQUIRE(text.find("tokens:1:") == std::string::npos);
  REQUIRE(text.find("tokens:2: \"everything\" is no scope") != std::string::npos);
  REQUIRE(text.find("tokens:3: the third word") != std::string::npos);
  REQUIRE(text.find("tokens:4: a line is NAME") != std::string::npos);
  REQUIRE(text.find("tokens:5: there are two tokens named a") != std::string::npos);
  REQUIRE(text.find("tokens:6: \"\" is no scope") != std::string::npos);
  REQUIRE(text.find("tokens:7: f is the same token as a") != std::string::npos);
}

TEST_CASE("a token that stands in its file by mistake isn't repeated") {
  REQUIRE(refusal("a ingest hunter2hunter2").find("hunter2") == std::string::npos);
}

TEST_CASE("a file without a token is a mistake") {
  REQUIRE(refusal("# nobody\n").find("has no token") != std::string::npos);
}

TEST_CASE("a file of tokens that others may write is refused, one that all may read warned of") {
  const File file("a ingest " + kSecret);
  REQUIRE(Tokens::read(file.path()));
  REQUIRE((*Tokens::read(file.path()))->warning().empty());
  ::chmod(file.path().c_str(), 0644);
  REQUIRE((*Tokens::read(file.path()))->warning().find("chmod 600") != std::string::npos);
  for (const mode_t mode : {0620U, 0602U}) {
    ::chmod(file.path().c_str(), mode);
    const auto tokens = Tokens::read(file.path());
    REQUIRE_FALSE(tokens);
    REQUIRE(tokens.error().message().find("can be written by others") != std::string::npos);
  }
  REQUIRE_FALSE(Tokens::read(file.path() + "-nowhere"));
  REQUIRE_FALSE(Tokens::read("/dev/null"));
}

TEST_CASE("a header is let in by a token with the scope only") {
  const File file("a ingest " + kSecret);
  const auto tokens = *Tokens::read(file.path());
  const auto verdict = [&](std::optional<std::string_view> header, std::string_view scope) {
    return tokens->check(header, scope).verdict;
  };
  REQUIRE(verdict(std::nullopt, "ingest") == Verdict::no_token);
  REQUIRE(verdict("Basic c2VjcmV0", "ingest") == Verdict::no_token);
  REQUIRE(verdict("Bearer", "ingest") == Verdict::no_token);
  REQUIRE(verdict("Bearer ", "ingest") == Verdict::wrong_token);
  REQUIRE(verdict("Bearer secre", "ingest") == Verdict::wrong_token);
  REQUIRE(verdict("Bearer secrets", "ingest") == Verdict::wrong_token);
  REQUIRE(verdict("Bearer secret", "ingest") == Verdict::granted);
  REQUIRE(verdict("bearer   secret ", "ingest") == Verdict::granted);
  REQUIRE(verdict("Bearer secret", "query") == Verdict::no_scope);
  REQUIRE(tokens->check("Bearer secret", "query").name == "a");
}

TEST_CASE("a file of tokens is read again when it changes; a broken one changes nothing") {
  const File file("a ingest " + kSecret);
  const auto tokens = *Tokens::read(file.path());
  REQUIRE(tokens->refresh());
  file.write("a ingest " + kOther);
  REQUIRE(tokens->refresh());
  REQUIRE(tokens->check("Bearer other", "ingest").verdict == Verdict::granted);
  REQUIRE(tokens->check("Bearer secret", "ingest").verdict == Verdict::wrong_token);

  file.write("a ingest oops");
  const auto broken = tokens->refresh();
  REQUIRE_FALSE(broken);
  REQUIRE(broken.error().message().find(file.path() + ":1:") != std::string::npos);
  REQUIRE(tokens->refresh());  // it is told once
  REQUIRE(tokens->check("Bearer other", "ingest").verdict == Verdict::granted);

  std::filesystem::remove(file.path());
  REQUIRE_FALSE(tokens->refresh());
  REQUIRE(tokens->check("Bearer other", "ingest").verdict == Verdict::granted);
  file.write("b ingest " + kSecret);
  REQUIRE(tokens->refresh());
  REQUIRE(tokens->check("Bearer secret", "ingest").name == "b");
}
