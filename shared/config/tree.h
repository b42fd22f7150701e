#pragma once

#include <string>
#include <vector>

#include "shared/config/node.h"

namespace tributary {

// What all Settings of one load() share. Internal to shared/config.
struct SettingTree {
  SettingNode root;
  std::vector<std::string> mistakes;

  void add_mistake(const std::string& place, const std::string& text) {
    mistakes.push_back(place + ": " + text);
  }
};

}  // namespace tributary
