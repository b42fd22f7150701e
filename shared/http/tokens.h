#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/mutex.h"
#include "shared/base/result.h"
#include "shared/http/sha256.h"

namespace tributary {

// What a token may allow. `admin` allows everything.
constexpr std::array<std::string_view, 3> kScopes{"ingest", "query", "admin"};

// The text of a file of tokens: one a line, "NAME SCOPE[,SCOPE…] sha256:<64 hexadecimal digits>";
// "# comment" and empty lines between them. The file has no token, only what a token hashes to:
//
//     token=$(openssl rand -hex 32); printf %s "$token" | sha256sum
class TokenList {
 public:
  struct Entry {
    std::string name;
    std::vector<std::string> scopes;
    Sha256 hash{};

    [[nodiscard]] bool allows(std::string_view scope) const;
  };

  // errc::invalid_argument with every mistake, one a line: "path:3: …".
  static Result<TokenList> parse(std::string_view text, std::string_view path);

  // The entry of this token; null when there is none. How long it takes tells nothing of the
  // entries but their number.
  [[nodiscard]] const Entry* find(std::string_view token) const;
  [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }

 private:
  std::vector<Entry> entries_;
};

// The tokens of a file, which may change while they are in use. Any thread.
class Tokens {
 public:
  // Fails with every mistake of the file, when it can't be read, or when others than its owner
  // may write it.
  static Result<std::shared_ptr<Tokens>> read(const std::string& path);

  // Not empty when everybody on the machine may read the file.
  [[nodiscard]] const std::string& warning() const { return warning_; }

  // Reads the file again if it isn't the one that was read last. Blocks on the disk. Fails, once
  // for each state of the file, when the new one can't be used: what was read before stays good.
  Result<void> refresh();

  enum class Verdict { granted, no_token, wrong_token, no_scope };
  struct Answer {
    Verdict verdict = Verdict::no_token;
    std::string name;  // of the token, when it is one
  };
  // `authorization`: the header of that name.
  [[nodiscard]] Answer check(std::optional<std::string_view> authorization,
                             std::string_view scope) const;

 private:
  // Tells one state of the file from another; its mode is part of it.
  struct Version {
    std::uint64_t inode = 0;
    std::uint64_t size = 0;
    std::int64_t changed_ns = 0;
    bool operator==(const Version&) const = default;
  };
  struct Read;

  explicit Tokens(std::string path) : path_(std::move(path)) {}
  static Result<Read> read_file(const std::string& path);
  static Version version_of(const std::string& path);  // all zero: no such file

  const std::string path_;
  std::string warning_;
  mutable Mutex mutex_;
  std::shared_ptr<const TokenList> list_ TRIBUTARY_GUARDED_BY(mutex_);
  Version looked_at_ TRIBUTARY_GUARDED_BY(mutex_);
};

}  // namespace tributary
