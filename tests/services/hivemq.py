"""A real HiveMQ Community Edition: a second broker of MQTT 5, which shares no code with Mosquitto."""

import shutil

from services.mosquitto import answers
from services.package import Unavailable, cached, fetch_with
from services.process import free_port
from services.service import Service

VERSION = "2024.3"

# The embedded one, because only that takes clients without an extension that lets them in. It has no main
# class; a script in Nashorn starts it without a compiler.
_POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>tributary</groupId>
  <artifactId>hivemq-for-tests</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>com.hivemq</groupId>
      <artifactId>hivemq-community-edition-embedded</artifactId>
      <version>{VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.openjdk.nashorn</groupId>
      <artifactId>nashorn-core</artifactId>
      <version>15.4</version>
    </dependency>
  </dependencies>
</project>
"""

_START = """var folder = function(name) { return Java.type("java.nio.file.Path").of(name); };
Java.type("com.hivemq.embedded.EmbeddedHiveMQ").builder()
    .withConfigurationFolder(folder("conf")).withDataFolder(folder("data")).withExtensionsFolder(folder("extensions"))
    .build().start().join();
java.lang.Thread.currentThread().join();
"""

_CONFIGURATION = """<?xml version="1.0"?>
<hivemq>
  <listeners>
    <tcp-listener>
      <port>{port}</port>
      <bind-address>127.0.0.1</bind-address>
    </tcp-listener>
  </listeners>
  <mqtt>
    <queued-messages>
      <max-queue-size>100000</max-queue-size>
    </queued-messages>
  </mqtt>
  <anonymous-usage-statistics>
    <enabled>false</enabled>
  </anonymous-usage-statistics>
</hivemq>
"""


def _fetch(directory):
    pom = directory / "pom.xml"
    pom.write_text(_POM)
    fetch_with("mvn", "--batch-mode", "--quiet", f"--file={pom}", "dependency:copy-dependencies", "-DincludeScope=runtime",
               f"-DoutputDirectory={directory / 'libs'}")


class HiveMQ(Service):
    """Of the test's own; sessions and queues are on the disk."""

    name, title = "hivemq", "HiveMQ"

    def __init__(self, directory):
        self.host, self.port = "127.0.0.1", free_port()
        super().__init__(directory, own=True)

    @property
    def address(self):
        return f"{self.host}:{self.port}"

    @property
    def url(self):
        return f"mqtt://{self.address}"

    def answers(self):
        return answers(self.host, self.port)

    def _prepare(self):
        java = shutil.which("java")
        if java is None:
            raise Unavailable("there is no java on PATH: apt-get install openjdk-17-jre-headless")
        for folder in ("conf", "data", "extensions"):
            (self.directory / folder).mkdir()
        (self.directory / "conf/config.xml").write_text(_CONFIGURATION.format(port=self.port))
        (self.directory / "start.js").write_text(_START)
        opens = [part for package in ("java.lang", "java.nio", "sun.nio.ch")
                 for part in ("--add-opens", f"java.base/{package}=ALL-UNNAMED")]
        command = [java, "-Xmx512m", *opens, "-cp", cached(f"hivemq-{VERSION}", _fetch) / "libs/*",
                   "org.openjdk.nashorn.tools.Shell", self.directory / "start.js"]
        return f"HiveMQ Community Edition {VERSION} of Maven", command, {}
