#!/usr/bin/python3
"""Runs one fuzz target over its kept corpus, and on from there.

    run.py PROGRAM [--seconds N] [--into FOLDER]
    run.py PROGRAM --repeat FILE

PROGRAM is a `fuzz_<name>` of the preset `fuzz` (exit status 5 when it isn't built); its corpus is corpus/<name>
beside this file and is not changed. What is found stays in FOLDER when one is given, so that the next run goes on
from it. TRIBUTARY_SEED repeats a run, as far as threads allow. An input that crashes is printed, and kept in the
working directory: a test and a corpus file to be. --repeat gives the program that one input.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

OPTIONS = {"ASAN_OPTIONS": "detect_stack_use_after_return=0:allocator_may_return_null=1",
           "UBSAN_OPTIONS": "print_stacktrace=1",
           "ASAN_SYMBOLIZER_PATH": shutil.which("llvm-symbolizer") or ""}
NOT_BUILT = 5
INPUT_SIZE_MAX = 4096
INPUT_TIME_MAX_S = 30
MEMORY_MAX_MB = 2048


def run(program, seconds, into):
    name = program.name.removeprefix("fuzz_")
    corpus = Path(__file__).resolve().parent / "corpus" / name
    seed = int(os.environ.get("TRIBUTARY_SEED", random.randrange(1, 1 << 31)))
    print(f"TRIBUTARY_SEED={seed}", flush=True)
    command = [program, into, corpus, f"-seed={seed}", f"-max_total_time={seconds}", f"-max_len={INPUT_SIZE_MAX}",
               f"-timeout={INPUT_TIME_MAX_S}", f"-rss_limit_mb={MEMORY_MAX_MB}", f"-artifact_prefix={name}-",
               "-print_final_stats=1"]
    dictionary = corpus.parent / f"{name}.dict"
    if dictionary.exists():
        command.append(f"-dict={dictionary}")
    return execute(command)


def execute(command):
    return subprocess.run(command, env=OPTIONS | os.environ, check=False).returncode


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=Path)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--into", type=Path)
    parser.add_argument("--repeat", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    if not arguments.program.exists():
        print(f"{arguments.program} is not built: cmake --preset fuzz && cmake --build --preset fuzz --target fuzz")
        return NOT_BUILT
    if arguments.repeat:
        return execute([arguments.program, arguments.repeat])
    if arguments.into:
        arguments.into.mkdir(parents=True, exist_ok=True)
        return run(arguments.program, arguments.seconds, arguments.into)
    with tempfile.TemporaryDirectory() as into:
        return run(arguments.program, arguments.seconds, into)


if __name__ == "__main__":
    sys.exit(main())
