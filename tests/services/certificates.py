"""Certificates that the openssl command makes for a test, in PEM."""

import ssl
import subprocess
from pathlib import Path

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def client_context():
    """For a client that trusts whatever it meets."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Certificates:
    """Files of one directory: NAME.pem and NAME.key."""

    def __init__(self, directory):
        self.directory = Path(directory, "certificates")
        self.directory.mkdir()

    def file(self, name):
        return self.directory / name

    def make_authority(self, name="ca"):
        self._openssl("req", "-x509", *_KEY, "-keyout", f"{name}.key", "-out", f"{name}.pem", "-days", "2", "-subj", f"/CN={name}")

    def issue(self, name, authority="ca", hosts=("IP:127.0.0.1", "DNS:localhost"), days=2):
        """One of this authority for these hosts; with negative `days` it expired that long ago."""
        self._openssl("req", *_KEY, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        self.file("extensions").write_text(f"subjectAltName={','.join(hosts)}\n")
        self._openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{authority}.pem", "-CAkey", f"{authority}.key",
                      "-CAcreateserial", "-days", str(days), "-extfile", "extensions", "-out", f"{name}.pem")
        for file in self.directory.iterdir():
            file.chmod(0o644)  # Mosquitto gives up being root

    def client_context(self, name=None):
        """For a client that trusts whatever it meets, with the certificate of that name."""
        context = client_context()
        if name is not None:
            context.load_cert_chain(self.file(f"{name}.pem"), self.file(f"{name}.key"))
        return context

    def server_context(self, name):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file(f"{name}.pem"), self.file(f"{name}.key"))
        return context

    def _openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, timeout=60, check=True)
