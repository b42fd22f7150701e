"""`health`, for containers and scripts that have no client for HTTP."""

import json
import subprocess

from harness import toml


def ask(program):
    command = [program.programs / program.program, "health", "--set", f"http.listen={toml(program.settings['http.listen'])}"]
    return subprocess.run(command, env=program.environment, cwd=program.place, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=30, check=False)


def test_the_command_health_says_whether_the_running_program_is_up(site):
    site.prepare_broker()
    collector, edge = site.collector(), site.edge()
    for program in (collector, edge):
        answer = ask(program)
        assert answer.returncode == 1 and f"nobody listens on 127.0.0.1:{program.port}" in answer.stderr
        program.start_and_wait()
        answer = ask(program)
        assert answer.returncode == 1 and not answer.stdout, "there is no broker"
        assert '"status":"down"' in answer.stderr.replace(" ", "") and "mqtt" in answer.stderr
    site.start_broker()
    collector.wait_until_subscribed()
    answer = ask(collector)
    assert answer.returncode == 0 and json.loads(answer.stdout)["status"] == "up" and not answer.stderr


def test_a_program_that_listens_nowhere_cannot_be_asked(site):
    site.prepare_broker()
    edge = site.edge(**{"http.listen": []})
    answer = ask(edge)
    assert answer.returncode == 1 and "http.listen is empty" in answer.stderr
