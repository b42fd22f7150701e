"""Records that somebody wrote straight into the topic and that PostgreSQL refuses, amid thousands of good ones."""

import json
import re
import uuid

import confluent_kafka
from harness import CLICK, REPOSITORY
from pipelines_test import database, on_kafka

GOOD = 5_000


def test_rows_that_postgresql_refuses_cost_themselves_alone_and_come_back_once_the_table_takes_them(site):
    with database(site, "postgresql") as (uri, run):
        table = (REPOSITORY / "collector/store/schema/clickstream.sql").read_text()
        run(table.replace('"user_id" bigint', '"user_id" integer'))
        kafka = on_kafka(site, "clickstream")
        clicks = [CLICK | {"event_id": str(uuid.uuid4()), "user_id": number} for number in range(GOOD)]
        clicks[1234] |= {"page": "/a\0b"}
        clicks[3210] |= {"user_id": 2**31}
        producer = confluent_kafka.Producer({"bootstrap.servers": kafka["pipeline.clickstream.stream"].removeprefix("kafka://")})
        collector = site.collector(**{"mqtt.url": ""}, **kafka)
        collector.environment["TRIBUTARY_PIPELINE__CLICKSTREAM__STORE"] = uri
        collector.start_and_wait().wait_until_subscribed(60)
        for click in clicks:
            producer.produce(kafka["pipeline.clickstream.topic"], json.dumps(click))
        assert producer.flush(30) == 0
        collector.wait_for_account(60, "clickstream", records=GOOD, stored=GOOD - 2, rejected=2)
        assert run("SELECT count(*) FROM events") == str(GOOD - 2)

        letters = collector.get("/dead-letters/clickstream").json()["data"]
        states = {json.loads(letter["event"])["event_id"]: re.search("SQLSTATE (.....)", letter["detail"])[1] for letter in letters}
        assert states == {clicks[1234]["event_id"]: "22021", clicks[3210]["event_id"]: "22003"}, letters
        assert {letter["reason"] for letter in letters} == {"rejected"}

        run("ALTER TABLE events ALTER user_id TYPE bigint")
        report = collector.request("POST", "/dead-letters/clickstream/replay").json()
        assert report["replayed"] == 2, report
        collector.wait_for_account(60, "clickstream", stored=GOOD - 1, rejected=3)
        assert run(f"SELECT user_id FROM events WHERE event_id = '{clicks[3210]['event_id']}'") == str(2**31)
        collector.kill()
