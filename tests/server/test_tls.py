"""TLS of the server's own: a real server with a certificate of an authority that the tests make."""

import contextlib
import datetime
import http.client
import ipaddress
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.server.conftest import Client
from wfcore.config import load
from wfcore.errors import InvalidConfig
from wfcore.service.tls import Certificate

PEM, PLAIN = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8


#: What the authority's key is for; Python 3.13 wants to be told.
SIGNS = x509.KeyUsage(
    key_cert_sign=True, crl_sign=True, digital_signature=False, content_commitment=False,
    key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
    decipher_only=False,
)  # fmt: skip


class Authority:
    """Signs certificates for 127.0.0.1; ``file`` is what clients have to trust."""

    def __init__(self, directory):
        self.directory, self.file = directory, directory / "ca.pem"
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._sign("authority", self.key, ca=True)
        self.file.write_bytes(self.certificate.public_bytes(PEM))

    def _sign(self, name, key, *, ca):
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issuer = subject if ca else self.certificate.subject
        now = datetime.datetime.now(datetime.UTC)
        here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        made = x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
        made = made.not_valid_before(now - datetime.timedelta(1)).not_valid_after(now + datetime.timedelta(9))
        made = made.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        made = made.add_extension(here, critical=False)
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        made = made.add_extension(identifier, critical=False)
        if ca:
            made = made.add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            made = made.add_extension(SIGNS, critical=True)
        return made.sign(self.key, hashes.SHA256())

    def issue(self, name="server", passphrase=None):
        """A file with a new certificate and its key; its serial number."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(name, key, ca=False)
        locked = serialization.BestAvailableEncryption(passphrase) if passphrase else None
        locked = locked or serialization.NoEncryption()
        file = self.directory / f"{name}.pem"
        file.write_bytes(certificate.public_bytes(PEM) + key.private_bytes(PEM, PLAIN, locked))
        return file, certificate.serial_number

    def context(self):
        return ssl.create_default_context(cafile=str(self.file))


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


class SecureClient(Client):
    """Talks to the server by TLS, and trusts the authority of the test."""

    def __init__(self, plain, address, authority):
        super().__init__(address, plain.token)
        self.plain, self.context = plain, authority.context()

    def connect(self, timeout=20):
        return http.client.HTTPSConnection(self.host, self.port, timeout=timeout, context=self.context)

    def shake(self, context=None):
        """A new connection, for as long as it is open."""
        made = socket.create_connection((self.host, self.port), timeout=20)
        return (context or self.context).wrap_socket(made, server_hostname=self.host)

    def serial(self):
        """The number of the certificate that is shown to a new connection."""
        with self.shake() as connection:
            shown = x509.load_der_x509_certificate(connection.getpeercert(binary_form=True))
            return shown.serial_number


@pytest.fixture
def secure(start, authority, eventually):
    """A server that speaks TLS; ``plain`` is it as this machine's commands reach it."""
    file, serial = authority.issue()
    plain = start(server__tlsCertificate=str(file))
    said = eventually(lambda: re.search(r"listening on https(://127\.0\.0\.1:\d+)", plain.output))
    client = SecureClient(plain, f"http{said[1]}", authority)
    client.first = serial
    return client


def test_the_whole_api_goes_over_it(secure):
    assert secure.get("/readyz").status == 200
    assert secure.get("/api/v1/server", token=None).status == 401
    secure.apply(secure.quick)
    id = secure.submit("quick", wait=10)["id"]
    assert secure.get(f"/api/v1/executions/{id}").json["state"] == "SUCCESS"
    large = secure.submit("quick", wait=10, inputs={"name": "x" * 3_000_000})["id"]
    assert secure.get(f"/api/v1/executions/{large}/content?part=inputs").body.count(b"x") == 3_000_000
    assert secure.get("/api/v1/server").json["address"].startswith("https://127.0.0.1:")


def test_events_come_as_they_happen(secure):
    secure.apply(secure.slow)
    id = secure.submit("slow")["id"]
    with secure.stream(id) as response:
        assert next(secure.events(response))[1] == "execution.created"
    secure.post(f"/api/v1/executions/{id}/cancel", {})
    with secure.stream(id) as response:
        assert [kind for _, kind, _ in secure.events(response)][-2:] == ["execution.finished", "end"]


def test_many_requests_on_one_connection_and_many_connections(secure):
    connection = secure.connect()
    for _ in range(200):
        connection.request("GET", "/healthz")
        assert connection.getresponse().read()
    connection.close()
    open_ones = [secure.shake() for _ in range(100)]
    assert secure.get("/healthz").status == 200
    for one in open_ones:
        one.close()


def test_the_address_of_the_client_is_recorded(secure):
    assert secure.post("/api/v1/tokens", {"name": "ci", "role": "viewer"}).status == 201
    entry = secure.get("/api/v1/audit?action=token").json["entries"][0]
    assert (entry["actor"], entry["remote"]) == ("admin", "127.0.0.1")


def test_commands_of_this_machine_need_no_certificate(secure, authority):
    directory = secure.plain.data_dir
    environment = {**os.environ, "WORKFLOW_DATA_DIR": str(directory), "SSL_CERT_FILE": str(authority.file)}
    command = [sys.executable, "-m", "wfcore", "workflow", "list", "--json"]
    assert subprocess.run(command, env=environment, cwd=directory, timeout=60).returncode == 0
    far = [*command, "--server", f"https://{secure.host}:{secure.port}"]
    environment["WORKFLOW_TOKEN"] = secure.token
    assert subprocess.run(far, env=environment, cwd=directory, timeout=60).returncode == 0


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_what_is_no_tls_is_refused_and_harms_nobody(secure):
    with socket.create_connection((secure.host, secure.port), timeout=20) as plain:
        plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200" not in plain.recv(1000)
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        secure.shake(old)
    assert secure.get("/healthz").status == 200


def test_two_hundred_clients_that_do_not_speak_leave_it_answering(secure):
    silent = [socket.create_connection((secure.host, secure.port), timeout=20) for _ in range(200)]
    begun = time.monotonic()
    assert secure.get("/healthz").status == 200
    assert time.monotonic() - begun < 5
    for one in silent:
        one.close()


def test_who_takes_no_answer_keeps_no_place(start, authority, eventually):
    """As without TLS, a client that asks and does not read is hung up on, and others get its place."""
    file, _ = authority.issue()
    plain = start(server__tlsCertificate=str(file), server__connections="10", server__channelTimeout="1s")
    said = eventually(lambda: re.search(r"listening on https(://127\.0\.0\.1:\d+)", plain.output))
    client = SecureClient(plain, f"http{said[1]}", authority)
    asked = f"GET /api/v1/openapi.json HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {plain.token}\r\n\r\n"
    deaf = [client.shake() for _ in range(10)]
    for one in deaf:
        one.settimeout(2)
        with contextlib.suppress(OSError):  # it is not read any more
            one.sendall(asked.encode() * 200)
    with client.shake() as late:
        late.settimeout(30)
        late.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b" 200 " in late.recv(1000)
    for one in deaf:
        one.close()


def test_a_renewed_certificate_is_taken_and_a_broken_one_is_not(secure, authority):
    assert secure.serial() == secure.first
    file, second = authority.issue()
    assert secure.serial() == second
    file.write_text("no certificate")
    assert secure.serial() == second
    assert "has changed and cannot be read" in secure.plain.output
    _, third = authority.issue()
    assert secure.serial() == third


def test_a_stop_ends_its_connections_and_what_is_under_way_is_answered(secure):
    secure.apply(secure.slow)
    id = secure.submit("slow")["id"]
    idle = secure.shake()
    with secure.stream(id) as response:
        secure.plain.signal(signal.SIGTERM)
        response.read()
        code, seconds = secure.plain.wait()
    assert code == 0
    assert seconds < 8
    idle.close()


def settings(certificate, key=None):
    given = {"server.tlsCertificate": str(certificate)} | ({"server.tlsKeyFile": str(key)} if key else {})
    return load(environ={}, overrides=given)["server"]


def test_a_key_of_its_own_file(authority, tmp_path):
    file, _ = authority.issue()
    whole = file.read_text()
    place = whole.index("-----BEGIN PRIVATE")
    (tmp_path / "cert.pem").write_text(whole[:place])
    (tmp_path / "key.pem").write_text(whole[place:])
    assert Certificate(settings(tmp_path / "cert.pem", tmp_path / "key.pem")).context()


@pytest.mark.parametrize(
    "fault", ["is not there", "is no PEM", "lacks its key", "has another's key", "is locked"]
)
def test_a_certificate_that_cannot_be_used(authority, tmp_path, fault):
    file, _ = authority.issue(passphrase=b"secret" if fault == "is locked" else None)
    key = None
    if fault == "is not there":
        file.unlink()
    elif fault == "is no PEM":
        file.write_text("x")
    elif fault == "lacks its key":
        file = authority.file
    elif fault == "has another's key":
        key, _ = authority.issue("other")
    with pytest.raises(
        InvalidConfig, match=r"server\.tlsCertificate: .* are no certificate and key: ."
    ) as caught:
        Certificate(settings(file, key))
    assert "PEM" in caught.value.remedy
