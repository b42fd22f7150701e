"""What several of the MQTT tests need."""

import json

from services.mosquitto import plugin_file
from services.process import wait_until


def mqtt_health(program):
    """(whether MQTT is up, what /health says of it)"""
    check = program.health().json()["checks"]["mqtt"]
    return check["status"] == "up", check.get("detail", "")


def health_says(program, *words, up=False, limit=30):
    """The detail, once it has all of these words."""
    def says():
        status, detail = mqtt_health(program)
        return detail if status == up and all(word in detail for word in words) else None

    try:
        return wait_until(says, limit, f"health says {words}")
    except AssertionError as error:
        raise AssertionError(f"{error}; it says {mqtt_health(program)}") from None


def subscriptions_only_to(place, *filters):
    """Lines of mosquitto.conf for a broker that refuses all other subscriptions."""
    file = place / "security.json"
    rules = [{"acltype": "subscribePattern", "topic": topic, "allow": True} for topic in filters]
    file.write_text(json.dumps({
        "defaultACLAccess": {"publishClientSend": True, "publishClientReceive": True, "subscribe": False, "unsubscribe": True},
        "roles": [{"rolename": "reader", "acls": rules}], "anonymousGroup": "all", "clients": [],
        "groups": [{"groupname": "all", "roles": [{"rolename": "reader"}]}]}))
    file.chmod(0o666)
    return [f"plugin {plugin_file('mosquitto_dynamic_security')}", f"plugin_opt_config_file {file}"]
