"""What is installed beside the programs is true of them: configurations, manual, versions."""

import re
import subprocess
import tomllib

import pytest
from debian_package import PROGRAMS, run, version
from services.package import REPOSITORY

PACKAGING = REPOSITORY / "packaging"
EXAMPLES = {"tokens": f"gateway query sha256:{'0' * 64}\n", "office.csv": "Date,Temperature,Humidity\n"}
NAMES = pytest.mark.parametrize("name", ["edge", "collector"])


def configuration(name):
    return (PACKAGING / f"{name}.toml").read_text()


def all_settings(name):
    """The default configuration with every setting in force: a line that begins with # and no space is one."""
    return re.sub(r"(?m)^#(?=[^ #\n])", "", configuration(name))


def manual(name, section):
    """A page of the manual, as text of its source without what escapes a hyphen."""
    page = f"tributary-{name}.{section}.in" if section == 1 else f"tributary-{name}.toml.{section}.in"
    return (PACKAGING / "man" / page).read_text().replace("\\-", "-")


def check_config(name, file):
    return subprocess.run([PROGRAMS / f"tributary-{name}", "check-config", "--config", file], cwd=file.parent,
                          env={"HOME": str(file.parent)}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)


def keys(table, above=""):
    """The dotted names of the settings; a table that the user fills as he likes is one."""
    for key, value in table.items():
        name = above + key
        if isinstance(value, list) and value and isinstance(value[0], dict) and name != "mqtt.subscription":
            for entry in value:
                yield from keys(entry, f"{name}.")
        elif isinstance(value, dict) and name in ("buffer", "mqtt", "mqtt.tls", "http", "http.cors", "embedded", "kafka",
                                                  "kafka.tls", "mongodb", "postgresql"):
            yield from keys(value, f"{name}.")
        else:
            yield name


@NAMES
def test_the_default_configuration_is_good_and_so_is_all_that_it_offers(name, tmp_path):
    for text in (configuration(name), all_settings(name)):
        # The files that examples name are there.
        for path in set(re.findall(r'"/(?:etc|var/lib)/tributary/([\w.-]+)"', text)):
            (tmp_path / path).write_text(EXAMPLES.get(path, "secret\n"))
        file = tmp_path / "configuration.toml"
        file.write_text(re.sub(r'"/(?:etc|var/lib)/tributary/', f'"{tmp_path}/', text))
        checked = check_config(name, file)
        assert checked.returncode == 0, checked.stdout
        assert "the configuration is good" in checked.stdout


def test_an_installed_edge_makes_up_no_data():
    assert "sensor" not in tomllib.loads(configuration("edge"))


@NAMES
def test_the_manual_explains_every_setting_of_the_default_configuration_and_no_other(name):
    in_manual = {key for line in re.findall(r"(?m)^\.TP\n\.B ([a-z_., ]+)$", manual(name, 5)) for key in line.split(", ")}
    assert in_manual == set(keys(tomllib.loads(all_settings(name))))


@NAMES
def test_the_manual_has_every_command_and_option(name):
    def offered(*command):
        text = run(PROGRAMS / f"tributary-{name}", *command, "--help")
        commands = re.findall(r"(?m)^  ([a-z][a-z-]+) ", text.partition("Subcommands:")[2])
        return commands, re.findall(r"(?m)^  (?:-h,)?(--[a-z-]+)", text)

    page = manual(name, 1)
    commands, options = offered()
    assert "run" in commands and "--config" in options
    for command in commands:
        assert re.search(rf'(?m)^\.(B|BR) "?{command}\b', page), command
        options += offered(command)[1]
    for option in options:
        assert re.search(rf"(?m)^\.(B|BI|BR) .*{option}\b", page), option


@pytest.mark.parametrize("page", sorted((PACKAGING / "man").glob("*.in")), ids=lambda page: page.name)
def test_the_manual_is_well_formed(page):
    run("mandoc", "-T", "lint", "-W", "warning", page)


def test_versions_come_from_one_place():
    for name in ("edge", "collector"):
        assert run(PROGRAMS / f"tributary-{name}", "--version").startswith(f"tributary-{name} {version()}")
    assert "(@PROJECT_VERSION@)" in (PACKAGING / "changelog.in").read_text().splitlines()[0]
