"""One part that is down stalls only what depends on it."""

import sqlite3

from harness import CLICK, reading
from services.process import wait_until

def lock(file):
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    return connection


def test_a_store_that_is_locked_at_the_start_stalls_its_own_pipeline_alone_until_it_is_free(site):
    collector = site.start_collector(**{"mqtt.url": ""})
    assert collector.terminate() == 0
    connection = lock(collector.data / "clickstream.db")
    collector.start_and_wait()
    answer = collector.get("/health")
    assert answer.status == 503 and answer.json()["checks"]["store.clickstream"]["status"] == "down", answer

    assert collector.ingest(reading(0)).status == 202
    assert collector.ingest(CLICK, pipeline="clickstream").status == 202
    collector.wait_for_account(records=1, stored=1)
    assert collector.account("clickstream")["lag"] == 1

    connection.execute("ROLLBACK")
    connection.close()
    collector.wait_for_account(pipeline="clickstream", records=1, stored=1)
    wait_until(lambda: collector.get("/health").status == 200, 20, "everything is up again")


def test_a_store_that_is_free_again_is_found_up_without_any_event(site):
    collector = site.start_collector(**{"mqtt.url": ""})
    assert collector.terminate() == 0
    connection = lock(collector.data / "clickstream.db")
    collector.start_and_wait()
    assert collector.get("/health").status == 503
    connection.execute("ROLLBACK")
    connection.close()
    wait_until(lambda: collector.get("/health").status == 200, 20, "the store is up again")
