"""compose/grafana/tributary.json: what it plots exists."""

import json
import re

from harness import REPOSITORY, csv_sensor, reading
from nothing_lost_test import write_recording
from services.process import wait_until

DASHBOARD = REPOSITORY / "compose/grafana/tributary.json"


def test_every_metric_and_label_of_the_grafana_dashboard_is_there(site):
    site.start_broker()
    collector = site.start_collector()
    recording = write_recording(site.place / "recording.csv", 20)
    edge = site.edge(sensor=[csv_sensor(recording)]).start_and_wait()
    collector.wait_for_account(stored=20)
    assert collector.ingest(reading()).status == 202
    wait_until(lambda: edge.buffered() == 0, 30, "the edge has its receipts")
    labels = {}
    for program in (collector, edge):
        for name, pairs in program.metrics():
            labels.setdefault(name, set()).update(label for label, _ in pairs)
    expressions = [target["expr"] for panel in json.loads(DASHBOARD.read_text())["panels"]
                   for target in panel.get("targets", [])]
    assert len(expressions) > 20
    for expression in expressions:
        for name in re.findall(r"tributary_\w+", expression):
            assert name in labels, f"{name} in {expression}"
            for by in re.findall(r"by \(([^)]*)\)", expression):
                # Prometheus itself adds `instance`.
                assert set(by.split(", ")) - {"instance"} <= labels[name], f"{name} has {labels[name]}: {expression}"
