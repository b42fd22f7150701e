// Thousands of runs of the whole chain on simulated disks, networks, brokers and databases.
//
// TRIBUTARY_SEED=N repeats one run and tells what happens in it; TRIBUTARY_TEST_SIMULATION_RUNS and
// TRIBUTARY_TEST_SIMULATION_SECONDS make it longer than the short form that ./check runs.
#include "tests/simulation/simulation.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

namespace tributary::simulation {
namespace {

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::stoull(text);
}

std::string in_lines(const Verdict& verdict) {
  std::string text;
  for (const auto& wrong : verdict.wrong) text += wrong + "\n";
  return text;
}

}  // namespace

TEST_CASE("what was accepted is stored once and the account balances, whatever fails") {
  if (const auto seed = number_from("TRIBUTARY_SEED", 0); seed != 0) {
    const auto verdict = simulate(seed, true);
    INFO(in_lines(verdict));
    CHECK(verdict.wrong.empty());
    return;
  }
  const auto runs_max = number_from("TRIBUTARY_TEST_SIMULATION_RUNS", ~std::uint64_t{0});
  const std::chrono::seconds time(number_from("TRIBUTARY_TEST_SIMULATION_SECONDS", 30));
  const std::uint64_t first = (std::uint64_t{std::random_device{}()} << 20U) + 1;
  const auto begin = std::chrono::steady_clock::now();
  Verdict sum;
  std::uint64_t runs = 0;
  for (; runs < runs_max && std::chrono::steady_clock::now() - begin < time; ++runs) {
    const auto seed = first + runs;
    // Printed before it runs: a CHECK of the product ends the test at once.
    std::fprintf(stderr, "\rTRIBUTARY_SEED=%llu ", static_cast<unsigned long long>(seed));
    const auto verdict = simulate(seed);
    INFO("TRIBUTARY_SEED=" << seed << "\n" << in_lines(verdict));
    CHECK(verdict.wrong.empty());
    if (!verdict.wrong.empty()) return;
    sum.accepted += verdict.accepted;
    sum.faults += verdict.faults;
    sum.hand_overs += verdict.hand_overs;
    sum.duplicates += verdict.duplicates;
    sum.dropped += verdict.dropped;
    sum.seconds += verdict.seconds;
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  std::printf(
      "\n%llu runs (%.0f a minute) of %.0f simulated seconds: %llu events accepted, %llu faults, "
      "%llu duplicates, %llu dropped, %llu hand-overs\n",
      static_cast<unsigned long long>(runs), static_cast<double>(runs) * 60 / took.count(),
      sum.seconds, static_cast<unsigned long long>(sum.accepted),
      static_cast<unsigned long long>(sum.faults), static_cast<unsigned long long>(sum.duplicates),
      static_cast<unsigned long long>(sum.dropped),
      static_cast<unsigned long long>(sum.hand_overs));
}

TEST_CASE("one seed is one run") {
  const std::uint64_t seed = std::random_device{}() | 1U;
  INFO("TRIBUTARY_SEED=" << seed);
  const auto once = simulate(seed);
  const auto again = simulate(seed);
  CHECK(once.hand_overs == again.hand_overs);
  CHECK(once.seconds == again.seconds);
  CHECK(once.accepted == again.accepted);
  CHECK(once.duplicates == again.duplicates);
}

}  // namespace tributary::simulation
