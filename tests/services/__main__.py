"""Real services by hand and for the tests of one run; see --help."""

import argparse
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

from services import shared  # noqa: E402
from services.package import Unavailable  # noqa: E402

PROTOCOLS = ("SASL_PLAINTEXT", "SSL", "SASL_SSL")


def main():
    parser = argparse.ArgumentParser(prog="python3 tests/services", description="Real services for tests and ./demo --full.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="start | stop | run")

    start = commands.add_parser("start", help="start the shared one, unless it runs; print its address")
    start.add_argument("names", nargs="+", choices=shared.SERVICES)

    stop = commands.add_parser("stop", help="end the shared one and remove its data")
    stop.add_argument("names", nargs="+", choices=[*shared.SERVICES, "all"])
    stop.add_argument("--owner", type=int, metavar="PID", help="only those that were started for this process")

    run = commands.add_parser("run", help="run one of your own until SIGTERM; DIRECTORY/NAME/address has its address")
    run.add_argument("name", choices=shared.SERVICES)
    run.add_argument("directory", type=Path, help="for its data, which is removed at the end, and its log")
    run.add_argument("--protocol", action="append", choices=PROTOCOLS, metavar="PROTOCOL", default=[],
                     help=f"Kafka only: a listener beside PLAINTEXT, of {', '.join(PROTOCOLS)}; repeatable")
    run.add_argument("--owner", type=int, metavar="PID", help="end with this process")
    run.add_argument("--idle-limit", type=float, metavar="SECONDS", help="end so long after the last touch of DIRECTORY/NAME.pid")

    arguments = parser.parse_args()
    if arguments.command == "run" and arguments.protocol and arguments.name != "kafka":
        parser.error(f"{arguments.name} has no --protocol: it is Kafka's")
    if arguments.command == "start":
        for name in arguments.names:
            address, origin = shared.start(name)
            print(f"{name}: {origin}", file=sys.stderr)
            print(address, flush=True)
    elif arguments.command == "stop":
        for name in shared.SERVICES if "all" in arguments.names else arguments.names:
            shared.stop(name, arguments.owner)
    else:
        options = {"protocols": arguments.protocol} if arguments.protocol else {}
        shared.run(arguments.name, arguments.directory, arguments.owner, arguments.idle_limit, **options)


if __name__ == "__main__":
    try:
        main()
    except (Unavailable, AssertionError) as error:
        sys.exit(f"tests/services: {error}")
