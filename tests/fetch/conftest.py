"""A certificate made for the tests."""

import shutil
import ssl
import subprocess
from functools import partial

import pytest

from tests.fetch import dialling
from tests.fetch.internet import NAMES, PUBLIC_V4, PUBLIC_V6


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A folder with a certificate of its own authority, for the names that the tests use."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("makes its certificate with openssl")
    folder = tmp_path_factory.mktemp("tls")
    command = [openssl, "req", "-x509", "-nodes", "-newkey", "ec", "-days", "2"]
    command += ["-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", "/CN=nas.local"]
    names = [f"DNS:{name}" for name in ("nas.local", "proxy.local", *NAMES)]
    names += [f"IP:{address}" for address in (PUBLIC_V4, PUBLIC_V6)]
    command += ["-addext", f"subjectAltName={','.join(names)}"]
    command += ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run(command, check=True, capture_output=True)
    return folder


@pytest.fixture
def server_side(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    return context


@pytest.fixture
def trusting(certificate):
    """Makes TLS settings of a client that knows the authority."""
    return partial(ssl.create_default_context, cafile=certificate / "cert.pem")


@pytest.fixture(params=["direct", "httpcore"])
def over_both(request, monkeypatch):
    """HTTP/1.1 goes one of the two ways: that of most polls, and that of proxies and HTTP/2."""
    monkeypatch.setattr(dialling, "over", request.param)
