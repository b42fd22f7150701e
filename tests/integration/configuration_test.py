"""What the programs say of a configuration that can't work, and how they end."""

import socket
import subprocess

from harness import PROGRAMS, Collector, csv_sensor, program_environment, reading
from services.process import wait_until

BOTH = ("tributary-edge", "tributary-collector")
FAILED, USAGE = 1, 2


def run(place, program, *arguments, environment=None, limit=20):
    """The exit status and everything the program said; AssertionError when it doesn't end."""
    settings = {"tributary-edge": ["--set", f"buffer.path={place}/buffer"],
                "tributary-collector": ["--set", f"data={place}/data"]}[program]
    done = subprocess.run([PROGRAMS / program, *map(str, arguments), *settings], cwd=place, timeout=limit,
                          env=program_environment(place) | (environment or {}), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print(f"{program} {' '.join(map(str, arguments))}: {done.returncode}\n{done.stdout}")
    return done.returncode, done.stdout


def assert_refused(place, program, *arguments, says, environment=None):
    """check-config and run both end with 2 and say all of this."""
    for command in ("check-config", "run"):
        status, output = run(place, program, command, *arguments, environment=environment)
        assert status == USAGE, (program, command)
        for words in says:
            assert str(words) in output, f"{program} {command} doesn't say {words!r}"


def test_an_unknown_key_is_refused_with_its_line_and_the_key_that_was_meant(place):
    file = place / "settings.toml"
    file.write_text('# A comment.\n[mqtt]\nulr = "mqtt://127.0.0.1:1883"\n')
    for program in BOTH:
        assert_refused(place, program, "--config", file, says=["settings.toml:3", "ulr", "url"])
        assert_refused(place, program, "--set", "mqtt.ulr=x", says=["--set", "mqtt.ulr", "url"])
        assert_refused(place, program, environment={"TRIBUTARY_MQTT__ULR": "x"}, says=["TRIBUTARY_MQTT__ULR", "url"])


def test_bad_values_are_refused_with_their_lines_all_at_once(place):
    file = place / "settings.toml"
    file.write_text('[mqtt]\nurl = "nonsense"\n\n[http]\nlisten = 8000\n')
    for program in BOTH:
        assert_refused(place, program, "--config", file, says=["settings.toml:2", "settings.toml:5"])
    file.write_text('[buffer]\nmax_size = "lots"\nwhen_full = "explode"\n')
    assert_refused(place, "tributary-edge", "--config", file, says=["settings.toml:2", "lots", "settings.toml:3", "explode"])
    file.write_text('[[pipeline]]\nname = "telemetry"\nstore = "floppy:"\n')
    assert_refused(place, "tributary-collector", "--config", file, says=["settings.toml:3", "floppy:"])


def test_bad_sensors_are_refused_with_their_lines(place):
    file = place / "edge.toml"
    for text, says in (('[[sensor]]\ntype = "oracle"\n', ["edge.toml:2", "oracle"]),
                       ('[[sensor]]\ntype = "simulator"\nrate = -1.0\npipeline = "telemetry"\n', ["edge.toml:3", "rate"]),
                       ('[[sensor]]\ntype = "simulator"\npipeline = "Not A Name"\n', ["edge.toml:3", "pipeline"])):
        file.write_text(text)
        assert_refused(place, "tributary-edge", "--config", file, says=says)


def test_a_file_that_is_missing_or_no_toml_is_refused(place):
    broken = place / "broken.toml"
    broken.write_text('[mqtt]\nurl = "unfinished\n')
    for program in BOTH:
        assert_refused(place, program, "--config", place / "nowhere.toml", says=["nowhere.toml"])
        assert_refused(place, program, "--config", broken, says=["broken.toml:2"])


def test_separate_roles_on_the_embedded_stream_are_refused(place):
    assert_refused(place, "tributary-collector", "--set", 'roles=["ingest"]', says=["roles", "embedded:"])


def test_wrong_usage_ends_with_2_and_help_and_version_with_0(place):
    for program in BOTH:
        for arguments in ([], ["dance"], ["run", "--nonsense"], ["run", "--set", "novalue"], ["run", "--log-format", "xml"]):
            status, output = run(place, program, *arguments)
            assert status == USAGE and output.strip(), arguments
        for arguments in (["--help"], ["run", "--help"], ["version"]):
            status, output = run(place, program, *arguments)
            assert status == 0 and output.strip(), arguments


def test_a_good_configuration_passes_and_later_sources_win(place):
    file = place / "settings.toml"
    file.write_text('[mqtt]\nurl = "nonsense"\n')
    (place / ".env").write_text("TRIBUTARY_MQTT__URL=worse\n")
    good = "mqtt://127.0.0.1:1883"
    for program in BOTH:
        assert run(place, program, "check-config", "--config", file, environment={"TRIBUTARY_MQTT__URL": good})[0] == 0
        assert run(place, program, "check-config", "--config", file, "--set", f"mqtt.url={good}")[0] == 0
        assert run(place, program, "check-config", "--config", file)[0] == USAGE, ".env is stronger than the file, and bad"


def test_a_port_in_use_ends_the_program_and_is_named(place):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        for program in BOTH:
            status, output = run(place, program, "run", "--set", f'http.listen=["{address}"]')
            assert status == FAILED and address in output and "http.listen" in output, program


def test_a_data_path_below_a_regular_file_ends_the_program_and_is_named(place):
    file = place / "regular"
    file.write_text("not a directory")
    for program, key in (("tributary-edge", "buffer.path"), ("tributary-collector", "data")):
        done = subprocess.run([PROGRAMS / program, "run", "--set", f"{key}={file}/below", "--set", 'http.listen=["127.0.0.1:0"]'],
                              cwd=place, timeout=20, env=program_environment(place), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert done.returncode in (FAILED, USAGE) and f"{file}" in done.stdout, done.stdout
    assert file.read_text() == "not a directory"


def test_without_a_broker_the_edge_keeps_sampling_and_the_collector_takes_http_and_both_say_so(site):
    site.prepare_broker(own=True)
    collector = site.collector().start_and_wait()
    edge = site.edge(sensor=[{"type": "simulator", "pipeline": "telemetry", "count": 2, "rate": 20.0}]).start_and_wait()
    wait_until(lambda: edge.buffered() > 20, 20, "the edge samples into its buffer")
    for program in (edge, collector):
        answer = program.health()
        assert answer.status == 503, answer
        report = answer.json()
        assert report["status"] == "down" and report["checks"]["mqtt"]["status"] == "down", report
        assert report["checks"]["mqtt"]["detail"], "it says why"
    assert collector.ingest(reading(0)).status == 202
    collector.wait_for_account(stored=1)
    assert any(line["component"] == "mqtt" and line["level"] in ("warning", "error") for line in edge.log_lines())

    site.broker.start()
    wait_until(lambda: edge.health().status == 200 and collector.health().status == 200, 60, "both found the broker")
    wait_until(lambda: collector.account()["stored"] > 20, 30, "what was buffered arrives")


def test_a_recording_that_is_missing_is_refused(site):
    site.prepare_broker(own=True)
    edge = site.edge(sensor=[csv_sensor(site.place / "nowhere.csv")]).start()
    assert edge.wait(20) in (FAILED, USAGE)
    assert "nowhere.csv" in edge.log_text()


def test_two_pipelines_with_one_table_are_refused(place):
    file = place / "collector.toml"
    file.write_text('[[pipeline]]\nname = "a"\nschema = "telemetry"\ntable = "t"\nstore = "sqlite:/tmp/one.db"\n'
                    '[[pipeline]]\nname = "b"\nschema = "telemetry"\ntable = "t"\nstore = "sqlite:/tmp/one.db"\n')
    assert_refused(place, "tributary-collector", "--config", file, says=["a", "b", "table"])


def test_a_pipeline_is_addressed_by_its_name(site):
    collector: Collector = site.collector(**{"mqtt.url": "", "pipeline.telemetry.table": "readings"})
    collector.start_and_wait()
    assert collector.ingest(reading(0)).status == 202
    collector.wait_for_account(stored=1)
    assert collector.get("/account/clickstream").status == 200, "the other built-in pipelines stay"
