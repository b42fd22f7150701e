#!/usr/bin/python3
"""Each rule of style.py finds what is planted for it, and nothing in a tree that is in order."""

import tempfile
import unittest
from pathlib import Path

import style

IN_ORDER = {
    "shared/base/result.h": "#pragma once\n",
    "shared/base/check.h": "#pragma once\n",
    "shared/base/result.cpp": '#include "shared/base/result.h"\n#include "shared/base/check.h"\n',
    "shared/base/CMakeLists.txt": "tributary_library(base\n  SOURCES result.cpp)\n",
    "shared/mqtt/client.cpp": '#include <mosquitto.h>\n\n#include "shared/base/result.h"\n',
    "shared/mqtt/CMakeLists.txt": "tributary_library(mqtt SOURCES client.cpp DEPENDS tributary::base)\n",
    "edge/main.cpp": '#include "shared/base/result.h"\n#include "version.h"\n',
    "edge/agent.cpp": "",
    "edge/CMakeLists.txt": "configure_file(version.h.in generated/version.h)\n"
                           "tributary_library(edge SOURCES agent.cpp)\nadd_executable(tributary-edge main.cpp)\n",
    "collector/store/store.h": '#include "shared/base/result.h"\n',
    "tests/unit/base/result_test.cpp": '#include "shared/base/result.h"\nbool wait_until(int limit);\n',
}


class StyleTest(unittest.TestCase):
    def found(self, planted):
        with tempfile.TemporaryDirectory() as root:
            for path, text in (IN_ORDER | planted).items():
                file = Path(root, path)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text)
            tree = style.Tree(root)
            return [(rule, str(finding)) for rule in style.RULES for finding in rule(tree)]

    def assert_found(self, rule, path, text, line=1):
        found = self.found({path: text})
        self.assertEqual([found_rule for found_rule, _ in found], [rule], found)
        self.assertTrue(found[0][1].startswith(f"{path}:{line}:"), found)

    def test_a_tree_in_order_has_no_findings(self):
        self.assertEqual(self.found({}), [])

    def test_edge_and_collector_never_include_each_other(self):
        self.assert_found(style.layers, "edge/agent.h", '#include "collector/store/store.h"\n')
        self.assert_found(style.layers, "collector/query.h", '\n#  include "edge/main.cpp"\n', 2)

    def test_shared_includes_neither_program_nor_a_layer_above(self):
        self.assert_found(style.layers, "shared/log/log.h", '#include "edge/agent.cpp"\n')
        self.assert_found(style.layers, "shared/base/id.h", '#include "shared/mqtt/client.cpp"\n')
        self.assert_found(style.layers, "shared/strange/new.h", '#include "shared/base/result.h"\n')

    def test_programs_never_include_tests(self):
        self.assert_found(style.layers, "edge/agent.h", '#include "tests/unit/base/result_test.cpp"\n')

    def test_links_follow_the_layers(self):
        self.assert_found(style.linked_layers, "shared/mqtt/CMakeLists.txt",
                          "tributary_library(mqtt SOURCES client.cpp\n  DEPENDS tributary::log)\n", 2)

    def test_a_library_is_included_by_its_adapter_only(self):
        for library in ("mosquitto.h", "restinio/all.hpp", "toml++/toml.h", "CLI/CLI.hpp", "spdlog/spdlog.h",
                        "prometheus/registry.h", "sqlite3.h", "re2/re2.h"):
            self.assert_found(style.library_homes, "collector/query.h", f"// A comment.\n#include <{library}>\n", 2)

    def test_tests_may_include_any_library(self):
        self.assertEqual(self.found({"tests/unit/base/id_test.cpp": "#include <sqlite3.h>\n"}), [])

    def test_an_include_of_a_file_that_is_not_there_is_found(self):
        self.assert_found(style.resolved_includes, "edge/agent.h", '#include "shared/base/gone.h"\n')
        self.assert_found(style.resolved_includes, "shared/base/id.h", '#include "result.h"\n')

    def test_a_header_with_the_check_macro_is_found(self):
        self.assert_found(style.check_stays_in_sources, "shared/base/id.h", '#include "shared/base/check.h"\n')

    def test_fixed_waits_in_tests_are_found(self):
        for text in ("std::this_thread::sleep_for(1s);\n", "usleep(10);\n", "::sleep(1);\n"):
            self.assert_found(style.no_fixed_waits, "tests/unit/base/id_test.cpp", text)
        self.assert_found(style.no_fixed_waits, "tests/services/start.py", "import time\ntime.sleep(1)\n", 2)
        self.assert_found(style.no_fixed_waits, "tests/services/start.sh", "set -e\nsleep 0.5\n", 2)

    def test_a_pause_between_two_looks_is_no_fixed_wait(self):
        loop = "while (!condition()) {\n  if (over()) return false;\n  std::this_thread::sleep_for(5ms);\n}\n"
        self.assertEqual(self.found({"tests/unit/base/id_test.cpp": loop}), [])

    def test_a_file_that_is_too_long_is_found(self):
        self.assert_found(style.sizes, "shared/base/id.h", "//\n" * 601, 601)

    def test_a_folder_with_two_targets_is_found(self):
        self.assert_found(style.one_target_each, "shared/base/CMakeLists.txt",
                          "tributary_library(base SOURCES result.cpp)\nadd_library(more result.cpp)\n")

    def test_a_source_in_no_target_is_found(self):
        self.assert_found(style.one_target_each, "shared/base/orphan.cpp", "")

    def test_a_folder_without_a_target_is_found(self):
        found = self.found({"shared/io/file.cpp": ""})
        self.assertEqual([rule for rule, _ in found], [style.one_target_each], found)

    def test_names_that_say_nothing_are_found(self):
        self.assert_found(style.names, "shared/base/string_utils.h", "")
        self.assert_found(style.names, "shared/base/StringView.h", "")


if __name__ == "__main__":
    unittest.main()
