#include "shared/http/tokens.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "shared/base/ascii.h"

namespace tributary {
namespace {

constexpr std::size_t kFileSizeMax = 1U << 20;
constexpr std::size_t kNameSizeMax = 64;
constexpr std::string_view kHashPrefix = "sha256:";
constexpr std::string_view kBlank = " \t\r";

struct Descriptor {
  explicit Descriptor(int descriptor) : value(descriptor) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (value >= 0) ::close(value);
  }
  const int value;
};

// The words of a line, without what follows a '#'.
std::vector<std::string_view> words_of(std::string_view line) {
  line = line.substr(0, line.find('#'));
  std::vector<std::string_view> words;
  while (true) {
    const auto begin = line.find_first_not_of(kBlank);
    if (begin == std::string_view::npos) return words;
    line.remove_prefix(begin);
    const auto end = std::min(line.find_first_of(kBlank), line.size());
    words.push_back(line.substr(0, end));
    line.remove_prefix(end);
  }
}

std::optional<Sha256> parse_hash(std::string_view text) {
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  Sha256 hash{};
  if (!text.starts_with(kHashPrefix)) return std::nullopt;
  text.remove_prefix(kHashPrefix.size());
  if (text.size() != 2 * hash.size()) return std::nullopt;
  for (std::size_t i = 0; i < hash.size(); ++i) {
    const int high = digit(text[2 * i]);
    const int low = digit(text[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    hash.at(i) = static_cast<unsigned char>(high * 16 + low);
  }
  return hash;
}

bool is_name(std::string_view text) {
  return text.size() <= kNameSizeMax &&
         std::ranges::all_of(text, [](unsigned char c) { return c > ' ' && c < 0x7f; });
}

// An entry, or what is wrong with the line.
std::expected<TokenList::Entry, std::string> parse_entry(
    const std::vector<std::string_view>& words) {
  if (words.size() != 3) {
    return std::unexpected("a line is NAME SCOPE[,SCOPE…] sha256:<64 hexadecimal digits>");
  }
  TokenList::Entry entry;
  entry.name = words[0];
  if (!is_name(words[0])) return std::unexpected("a name has up to 64 printable ASCII characters");
  auto scopes = words[1];
  while (true) {
    const auto comma = scopes.find(',');
    const auto scope = scopes.substr(0, comma);
    if (std::ranges::find(kScopes, scope) == kScopes.end()) {
      return std::unexpected("\"" + std::string(scope.substr(0, kNameSizeMax)) +
                             "\" is no scope: there are ingest, query and admin");
    }
    entry.scopes.emplace_back(scope);
    if (comma == std::string_view::npos) break;
    scopes.remove_prefix(comma + 1);
  }
  const auto hash = parse_hash(words[2]);
  // What stands there may be the token itself: it isn't repeated.
  if (!hash) {
    return std::unexpected(
        "the third word is sha256: and 64 hexadecimal digits, which `printf %s TOKEN | sha256sum` "
        "prints");
  }
  entry.hash = *hash;
  return entry;
}

std::optional<std::string_view> bearer_token(std::optional<std::string_view> authorization) {
  constexpr std::string_view kScheme = "bearer ";
  if (!authorization || authorization->size() < kScheme.size()) return std::nullopt;
  if (!equal_in_any_case(authorization->substr(0, kScheme.size()), kScheme)) return std::nullopt;
  auto token = authorization->substr(kScheme.size());
  token.remove_prefix(std::min(token.find_first_not_of(' '), token.size()));
  return token.substr(0, token.find_last_not_of(kBlank) + 1);
}

}  // namespace

bool TokenList::Entry::allows(std::string_view scope) const {
  return std::ranges::any_of(
      scopes, [&](const std::string& mine) { return mine == scope || mine == "admin"; });
}

Result<TokenList> TokenList::parse(std::string_view text, std::string_view path) {
  TokenList list;
  std::string mistakes;
  std::size_t number = 0;
  const auto refuse = [&](const std::string& why) {
    if (!mistakes.empty()) mistakes += '\n';
    mistakes.append(path).append(":").append(std::to_string(number)).append(": ").append(why);
  };
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto words = words_of(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (words.empty()) continue;
    auto entry = parse_entry(words);
    if (!entry) {
      refuse(entry.error());
      continue;
    }
    const auto& entries = list.entries_;
    if (std::ranges::find(entries, entry->name, &Entry::name) != entries.end()) {
      refuse("there are two tokens named " + entry->name);
    } else if (const auto same = std::ranges::find(entries, entry->hash, &Entry::hash);
               same != entries.end()) {
      refuse(entry->name + " is the same token as " + same->name);
    } else {
      list.entries_.push_back(*std::move(entry));
    }
  }
  if (!mistakes.empty()) return fail(errc::invalid_argument, mistakes);
  if (list.entries_.empty()) {
    return fail(errc::invalid_argument, std::string(path) + " has no token");
  }
  return list;
}

const TokenList::Entry* TokenList::find(std::string_view token) const {
  const auto hash = sha256(token);
  const Entry* found = nullptr;
  for (const auto& entry : entries_) {
    if (CRYPTO_memcmp(entry.hash.data(), hash.data(), hash.size()) == 0) found = &entry;
  }
  return found;
}

struct Tokens::Read {
  TokenList list;
  bool readable_by_all = false;
};

Tokens::Version Tokens::version_of(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return {};
  return {.inode = status.st_ino,
          .size = static_cast<std::uint64_t>(status.st_size),
          .changed_ns = status.st_ctim.tv_sec * 1'000'000'000 + status.st_ctim.tv_nsec};
}

Result<Tokens::Read> Tokens::read_file(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status{};
  if (file.value < 0 || ::fstat(file.value, &status) != 0) {
    return fail_errno("cannot read the tokens in " + path);
  }
  if (!S_ISREG(status.st_mode)) {
    return fail(errc::invalid_argument, path + " is no regular file: tokens are read from one");
  }
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return fail(errc::invalid_argument,
                path +
                    " can be written by others than its owner, who could let themselves in: "
                    "chmod 600 " +
                    path);
  }
  std::string text;
  std::array<char, 16384> piece{};
  while (true) {
    const auto count = ::read(file.value, piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno("cannot read the tokens in " + path);
    if (count == 0) break;
    text.append(piece.data(), static_cast<std::size_t>(count));
    if (text.size() > kFileSizeMax)
      return fail(errc::too_large, path + " has more than 1 MiB: is it the file of tokens?");
  }
  TRIBUTARY_ASSIGN(auto list, TokenList::parse(text, path));
  return Read{.list = std::move(list), .readable_by_all = (status.st_mode & S_IROTH) != 0};
}

Result<std::shared_ptr<Tokens>> Tokens::read(const std::string& path) {
  std::shared_ptr<Tokens> tokens(new Tokens(path));
  // Looked at first: a change during the reading is seen later on.
  const auto version = version_of(path);
  TRIBUTARY_ASSIGN(auto read, read_file(path));
  if (read.readable_by_all) {
    tokens->warning_ = "everybody on this machine can read the hashes of the tokens in " + path +
                       ": chmod 600 " + path;
  }
  const MutexLock lock(tokens->mutex_);
  tokens->looked_at_ = version;
  tokens->list_ = std::make_shared<const TokenList>(std::move(read.list));
  return tokens;
}

Result<void> Tokens::refresh() {
  const auto version = version_of(path_);
  {
    const MutexLock lock(mutex_);
    if (version == looked_at_) return {};
    looked_at_ = version;
  }
  auto read = read_file(path_);
  if (!read) {
    return std::unexpected(
        read.error().within("the tokens that were read before stay good, the new ones are not"));
  }
  auto list = std::make_shared<const TokenList>(std::move(read->list));
  const MutexLock lock(mutex_);
  list_.swap(list);
  return {};
}

Tokens::Answer Tokens::check(std::optional<std::string_view> authorization,
                             std::string_view scope) const {
  const auto token = bearer_token(authorization);
  if (!token) return {.verdict = Verdict::no_token, .name = {}};
  std::shared_ptr<const TokenList> list;
  {
    const MutexLock lock(mutex_);
    list = list_;
  }
  const auto* const entry = list->find(*token);
  if (entry == nullptr) return {.verdict = Verdict::wrong_token, .name = {}};
  return {.verdict = entry->allows(scope) ? Verdict::granted : Verdict::no_scope,
          .name = entry->name};
}

}  // namespace tributary
