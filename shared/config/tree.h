#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "shared/config/node.h"

namespace tributary {

// What all Settings of one load() share. Internal to shared/config.
struct SettingTree {
  struct Variable {
    std::string value;
    std::string place;  // "environment", ".env:3"
  };

  SettingNode root;
  std::map<std::string, Variable, std::less<>> variables;  // those that are no settings
  std::vector<std::string> mistakes;

  void add_mistake(const std::string& place, const std::string& text) {
    mistakes.push_back(place + ": " + text);
  }
};

}  // namespace tributary
