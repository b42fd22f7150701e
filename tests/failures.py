"""The ends of what the failed tests printed, from JUnit files of ctest's: failures.py FILE..."""

import sys
import xml.etree.ElementTree as xml

LINES = 40
COLUMNS = 300


def ending(text):
    # A progress line is drawn over itself with carriage returns.
    lines = [line.rstrip("\r").rpartition("\r")[2] for line in (text or "").split("\n")]
    return [line if len(line) <= COLUMNS else line[:COLUMNS] + "…" for line in lines if line.strip()][-LINES:]


def main(files):
    tests = [test for file in files for test in xml.parse(file).getroot().findall("testcase")]
    failed = [test for test in tests if test.get("status") == "fail"]
    for test in failed:
        print(f"\n---- {test.get('name')}")
        print("\n".join(ending(test.findtext("system-out"))))
    print(f"\ncheck: {len(failed)} of {len(tests)} tests failed")


if __name__ == "__main__":
    main(sys.argv[1:])
