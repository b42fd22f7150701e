"""What the agent takes of a gateway."""

import os

from harness import peak_memory
from services.process import wait_until

MEMORY_MAX_MIB = 8


def processor_seconds(program):
    with open(f"/proc/{program.pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_an_agent_with_ten_sensors_takes_at_most_8_mib(site):
    site.start_broker()
    collector = site.start_collector()
    simulators = {"type": "simulator", "pipeline": "telemetry", "count": 10, "rate": 10.0}
    edge = site.edge(sensor=[simulators]).start_and_wait()
    wait_until(lambda: collector.account()["stored"] >= 300, 30, "three seconds' readings are stored")
    begin = processor_seconds(edge)
    wait_until(lambda: collector.account()["stored"] >= 1300, 60, "ten more seconds' readings are stored")
    used, memory = processor_seconds(edge) - begin, peak_memory(edge)
    print(f"VmHWM {memory:.2f} MiB; {used:.2f} CPU seconds for 1,000 readings in ten seconds")
    assert memory <= MEMORY_MAX_MIB
