#include "shared/observe/health.h"

#include <exception>
#include <string_view>

#include "shared/base/json_string.h"

namespace tributary {
namespace {

HealthCheck ask(const std::function<HealthCheck()>& check) {
  try {
    return check();
  } catch (const std::exception& error) {
    return {false, std::string("the check failed: ") + error.what(), false};
  } catch (...) {
    return {false, "the check failed", false};
  }
}

}  // namespace

void Health::add(const std::string& part, std::function<HealthCheck()> check) {
  const MutexLock lock(mutex_);
  checks_.insert_or_assign(part, std::move(check));
}

Health::Report Health::report() const {
  std::map<std::string, std::function<HealthCheck()>> checks;
  {
    const MutexLock lock(mutex_);
    checks = checks_;
  }
  Report report;
  for (const auto& [part, check] : checks) {
    auto result = ask(check);
    report.up = report.up && result.up;
    report.checks.emplace(part, std::move(result));
  }
  return report;
}

std::string Health::Report::json() const {
  const auto status = [](bool is_up) { return is_up ? R"("status":"up")" : R"("status":"down")"; };
  std::string text = std::string("{") + status(up) + ",\"checks\":{";
  std::string_view separator;
  for (const auto& [part, check] : checks) {
    text.append(separator).append(json_string(part)).append(":{").append(status(check.up));
    if (check.up && check.warning) text += ",\"warning\":true";
    if (!check.detail.empty()) text += ",\"detail\":" + json_string(check.detail);
    text += '}';
    separator = ",";
  }
  return text + "}}";
}

}  // namespace tributary
