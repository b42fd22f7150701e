"""Plain devices with topics of their own, mapped to a pipeline."""

import json
import subprocess

import pytest
from harness import PROGRAMS, exactly, program_environment, reading
from mqtt_device import Device
from mqtt_parts import health_says, subscriptions_only_to
from services.mosquitto import Mosquitto
from services.process import wait_until

LOCATION = {"latitude": 50.4, "longitude": 3.9}
SUBSCRIPTION = {"topic": "sensors/+/reading", "pipeline": "telemetry", "fields": {"sensor_id": 1}, "set": {"location": LOCATION}}


def bare(second, **changes):
    """What such a device sends: a reading that doesn't say whose and where."""
    return reading(second, sensor_id=None, location=None, **changes)


def mapped(second, sensor_id="shed", **changes):
    return exactly(reading(second, sensor_id=sensor_id, location=LOCATION, **changes))


@pytest.fixture
def device(site):
    site.start_broker()
    with Device(site.broker) as device:
        yield device


def start_collector(site, *subscriptions, **settings):
    return site.start_collector(**{"mqtt.subscription": subscriptions or [SUBSCRIPTION]} | settings)


def test_the_topic_and_constants_complete_one_event_an_array_and_ndjson(site, device):
    collector = start_collector(site)
    device.publish(json.dumps(bare(0)), topic="sensors/shed/reading")
    device.publish(json.dumps([bare(1), bare(2)]), topic="sensors/shed/reading")
    device.publish("\n".join(json.dumps(bare(second)) for second in (3, 4)) + "\n", topic="sensors/shed/reading")
    device.publish(json.dumps(bare(5), indent=2), topic="sensors/shed/reading")
    device.publish(json.dumps(bare(6) | {"sensor_id": "shed", "location": {"latitude": 1, "longitude": 2}}),
                   topic="sensors/shed/reading")
    device.publish(json.dumps(bare(0)), topic='sensors/a "é"\\/reading')
    device.publish(json.dumps(reading(7)))
    collector.wait_for_account(records=9, stored=9)
    moved = exactly(reading(6, sensor_id="shed", location={"latitude": 1, "longitude": 2}))
    assert collector.events(sensor_id="shed") == [mapped(second) for second in range(6)] + [moved]
    assert collector.events(sensor_id='a "é"\\') == [mapped(0, 'a "é"\\')]
    assert collector.events(sensor_id="sensor_1") == [exactly(reading(7))]


def test_a_device_can_t_speak_for_another_one_and_its_bytes_are_kept(site, device):
    collector = start_collector(site)
    bad = json.dumps(bare(0) | {"sensor_id": "attic"}, indent=1)
    device.publish(bad, topic="sensors/shed/reading")
    device.publish("\n".join([json.dumps(bare(1)), '{"sensor_id": "attic"}', "[7]", "hello"]), topic="sensors/shed/reading")
    device.publish(json.dumps(bare(2, temperature="warm")), topic="sensors/shed/reading")
    collector.wait_for_account(records=6, stored=1, rejected=5)
    letters = collector.dead_letters()
    assert [letter["event"] for letter in letters] == [bad, '{"sensor_id": "attic"}', "[7]", "hello",
                                                       json.dumps(bare(2, temperature="warm"))]
    assert {letter["reason"] for letter in letters} == {"invalid"}
    assert {letter["topic"] for letter in letters} == {"sensors/shed/reading"}
    assert letters[0]["detail"] == '/sensor_id is "attic": the topic says "shed"'
    assert letters[2]["detail"] == "is an array: must be an object"
    assert letters[4]["detail"].startswith("/temperature"), letters[4]


def test_a_receipt_comes_for_a_mapped_topic_once_its_events_are_durable(site, device):
    collector = start_collector(site)
    device.subscribe("tributary/device/receipts")
    device.publish("\n".join([json.dumps(bare(0)), '{"sensor_id":"attic"}', json.dumps(bare(1))]), topic="sensors/shed/reading",
                   response_topic="tributary/device/receipts", correlation_data=b"mine")
    assert device.receipt() == (b"mine", {"accepted": "2", "rejected": "1"}, b"")
    collector.wait_for_account(records=3, stored=2, rejected=1)


def test_the_first_subscription_that_a_topic_matches_wins(site, device):
    collector = start_collector(site, SUBSCRIPTION | {"topic": "sensors/shed/reading", "fields": {}, "set": {"sensor_id": "special"}},
                                SUBSCRIPTION | {"topic": "sensors/#"})
    device.publish(json.dumps(bare(0) | {"location": LOCATION}), topic="sensors/shed/reading")
    device.publish(json.dumps(bare(0)), topic="sensors/a/b/c")
    # A broker may send a message once for each subscription that it matches.
    collector.wait_for_account(stored=2, rejected=0, conflicts=0)
    assert collector.events(sensor_id="special") == [mapped(0, "special")]
    assert collector.events(sensor_id="a/b/c") == [mapped(0, "a/b/c")]


def test_mapped_topics_are_shared_with_mqtt_share(site, device):
    collector = start_collector(site, **{"mqtt.share": "collectors"})
    for second in range(50):
        device.publish(json.dumps(bare(second)), topic="sensors/shed/reading")
        device.publish(json.dumps(reading(second)))
    collector.wait_for_account(records=100, stored=100)


def test_a_mapped_topic_that_the_broker_refuses_is_named_in_health(site, place):
    site.broker = Mosquitto(place, subscriptions_only_to(place, "tributary/#"), own=True).start()
    collector = site.collector(**{"mqtt.subscription": [SUBSCRIPTION]}).start_and_wait()
    health_says(collector, "the broker refused the subscription sensors/+/reading: Not authorized")


def test_large_payloads_of_a_mapped_topic_are_taken_with_bounded_copies(site, device):
    collector = start_collector(site)
    lines = [json.dumps(bare(second, note="x" * 2000)) for second in range(4000)]
    for start in range(0, 4000, 1000):
        device.publish("\n".join(lines[start:start + 1000]), topic="sensors/shed/reading")
    collector.wait_for_account(60, records=4000, stored=4000)


def test_a_subscription_that_is_taken_out_of_the_configuration_is_given_up(site, device):
    collector = start_collector(site)
    assert collector.terminate() == 0
    collector.settings["mqtt.subscription"] = [SUBSCRIPTION | {"topic": "other/+/reading"}]
    collector.compose()
    collector.start_and_wait().wait_until_subscribed()
    device.publish(json.dumps(bare(0)), topic="sensors/shed/reading")
    device.publish(json.dumps(bare(1)), topic="other/shed/reading")
    collector.wait_for_account(records=1, stored=1)
    assert wait_until(lambda: collector.metric("tributary_collector_mqtt_messages_total") >= 1, 10, "a message came") \
        and collector.dead_letters("tributary") == []


def test_check_config_names_the_line_of_a_subscription_that_can_t_work(place):
    file = place / "collector.toml"
    file.write_text('[[mqtt.subscription]]\ntopic = "sensors/+x/reading"\npipeline = "nowhere"\n')
    done = subprocess.run([PROGRAMS / "tributary-collector", "check-config", "--config", file], env=program_environment(place),
                          cwd=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert "collector.toml:2: mqtt.subscription.0.topic" in done.stderr, done.stderr
    assert "collector.toml:3: mqtt.subscription.0.pipeline" in done.stderr, done.stderr
