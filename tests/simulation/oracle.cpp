#include "tests/simulation/oracle.h"

#include <utility>

#include "shared/base/timestamp.h"

namespace tributary::simulation {
namespace {

constexpr std::uint64_t kFirstSecond = 1'769'000'000;
constexpr std::uint64_t kMany = 1'000'000;

}  // namespace

// In canonical form, so that what a store has can be compared as text.
Oracle::Line Oracle::make_line(const std::string& source, Fate fate) {
  const auto number = ++numbers_[source];
  const Timestamp time{.seconds = static_cast<std::int64_t>(kFirstSecond + number),
                       .nanoseconds = 0};
  // Of those that can't be stored every other one is invalid; the rest is what the database
  // refuses.
  const bool refused = fate == Fate::rejected && number % 2 == 0;
  const bool invalid = fate == Fate::rejected && !refused;
  const std::string humidity = invalid ? "160" : "50";
  const std::string temperature =
      refused ? std::string(kRefusedTemperature) : std::to_string(number);
  Line line{.text = R"({"humidity":)" + humidity +
                    R"(,"location":{"latitude":50,"longitude":4},"sensor_id":")" + source +
                    R"(","temperature":)" + temperature + R"(,"timestamp":")" + time.text() +
                    R"("})",
            .fate = fate};
  sent_.emplace(line.text, fate);
  return line;
}

std::uint64_t Oracle::made(const std::string& source) const {
  const auto found = numbers_.find(source);
  return found == numbers_.end() ? 0 : found->second;
}

void Oracle::accept(const std::string& source, std::string_view text) {
  accepted_.emplace(text, source);
}

std::vector<std::string> Oracle::judge(const Database& database, collector::Stream& stream) const {
  auto wrong = faults_;
  judge_store(database, wrong);
  const auto letters = judge_dead_letters(stream, wrong);
  judge_account(database, letters, stream, wrong);
  return wrong;
}

void Oracle::judge_store(const Database& database, std::vector<std::string>& wrong) const {
  std::set<std::string_view> stored;
  for (const auto& [key, document] : database.documents) {
    stored.insert(document.event);
    const auto sent = sent_.find(document.event);
    if (sent == sent_.end()) {
      wrong.push_back("stored, and never sent: " + document.event);
    } else if (sent->second != Fate::stored) {
      wrong.push_back("stored, and should have been rejected: " + document.event);
    } else if (!document.event.contains("\"" + document.edge + "\"") ||
               (document.edge.starts_with("edge") && document.sequence == 0)) {
      wrong.push_back("stored with another origin, " + document.edge + " " +
                      std::to_string(document.sequence) + ": " + document.event);
    }
  }
  auto may_miss = dropped_;
  for (const auto& [text, source] : accepted_) {
    if (sent_.find(text)->second != Fate::stored || stored.contains(text)) continue;
    if (const auto left = may_miss.find(source); left != may_miss.end() && left->second > 0) {
      --left->second;
    } else {
      wrong.push_back("accepted, and not stored: " + text);
    }
  }
}

// How many there are, each as often as it is there.
std::uint64_t Oracle::judge_dead_letters(collector::Stream& stream,
                                         std::vector<std::string>& wrong) const {
  std::set<std::string> dead;
  std::uint64_t after = 0;
  std::uint64_t count = 0;
  for (;;) {
    const auto letters = stream.dead_letters(after, 1000);
    if (!letters) {
      wrong.push_back("the dead letters can't be read: " + letters.error().message());
      return count;
    }
    if (letters->empty()) break;
    after = letters->back().sequence;
    count += letters->size();
    for (const auto& letter : *letters) {
      // A power cut may spoil what was written and not synced: nobody was told that it is safe.
      // One letter tells of several.
      if (letter.reason == "damaged") {
        count += kMany;
        continue;
      }
      dead.insert(letter.event);
      const auto sent = sent_.find(letter.event);
      if (sent == sent_.end()) {
        wrong.push_back("a dead letter (" + letter.reason + ": " + letter.detail +
                        ") that nobody sent: " + letter.event);
      } else if (sent->second != Fate::rejected) {
        wrong.push_back("a dead letter (" + letter.reason + ": " + letter.detail +
                        ") that should have been stored: " + letter.event);
      }
    }
  }
  for (const auto& [text, source] : accepted_) {
    if (sent_.find(text)->second == Fate::rejected && !dead.contains(text)) {
      wrong.push_back("accepted, rejected, and not among the dead letters: " + text);
    }
  }
  return count;
}

void Oracle::judge_account(const Database& database, std::uint64_t letters,
                           collector::Stream& stream, std::vector<std::string>& wrong) const {
  const auto account = stream.account();
  if (!account) return wrong.push_back("there is no account: " + account.error().message());
  const auto& totals = account->totals;
  const auto documents = database.documents.size();
  const auto text =
      "records " + std::to_string(account->records) + ", stored " + std::to_string(totals.stored) +
      ", duplicates " + std::to_string(totals.duplicates) + ", conflicts " +
      std::to_string(totals.conflicts) + ", rejected " + std::to_string(totals.rejected) +
      ", lag " + std::to_string(account->lag) + ", documents " + std::to_string(documents);
  if (!account->balances() || account->lag != 0)
    wrong.push_back("the account does not balance: " + text);
  if (totals.conflicts != 0)
    wrong.push_back("conflicts among events that are all different: " + text);
  if (totals.stored > documents || documents > totals.stored + totals.duplicates) {
    wrong.push_back("the account is not that of the store: " + text);
  }
  // A letter whose record was not settled when a process ended comes again.
  if (totals.rejected > letters) {
    wrong.push_back("the account counts more rejected than the " + std::to_string(letters) +
                    " dead letters: " + text);
  }
  if (calm_ &&
      (totals.stored != documents || totals.duplicates != 0 || totals.rejected != letters)) {
    wrong.push_back("the account of a calm run is not exact (" + std::to_string(letters) +
                    " dead letters): " + text);
  }
}

}  // namespace tributary::simulation
