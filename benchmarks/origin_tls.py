"""Certificates for the origin's addresses, made at run time with the openssl command.

A root, an intermediate, and leaves for 25 addresses each: as long a chain as the internet has, and
leaves of a usual size.
"""

import asyncio
import ssl
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Sequence
from pathlib import Path

HOSTS_OF_A_CERTIFICATE = 25
ROOT = "root.pem"
"""What clients trust."""

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
_AUTHORITY = "basicConstraints=critical,CA:TRUE"


async def make_certificates(folder: Path, hosts: Sequence[str]) -> None:
    """Raises RuntimeError when openssl refuses, OSError when it is missing."""
    await _openssl(
        *("req", "-x509", *_KEY, "-subj", "/CN=benchmark root", "-days", "30"),
        *("-keyout", folder / "root.key", "-out", folder / ROOT),
    )
    await _request(folder, "middle")
    await _sign(folder, "middle", "middle", by="root", extension=_AUTHORITY)
    await _request(folder, "leaf")
    for start in range(0, len(hosts), HOSTS_OF_A_CERTIFICATE):
        names = ",".join(f"IP:{host}" for host in hosts[start : start + HOSTS_OF_A_CERTIFICATE])
        number = start // HOSTS_OF_A_CERTIFICATE
        extension = f"subjectAltName={names}\nextendedKeyUsage=serverAuth"
        await _sign(folder, "leaf", f"leaf-{number}", by="middle", extension=extension)
        leaf, middle = folder / f"leaf-{number}.pem", folder / "middle.pem"
        leaf.write_text(leaf.read_text("ascii") + middle.read_text("ascii"), "ascii")


def server_context(folder: Path, group: int) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"leaf-{group}.pem", folder / "leaf.key")
    return context


async def _request(folder: Path, name: str) -> None:
    await _openssl(
        *("req", "-new", *_KEY, "-subj", f"/CN=benchmark {name}"),
        *("-keyout", folder / f"{name}.key", "-out", folder / f"{name}.csr"),
    )


async def _sign(folder: Path, request: str, name: str, *, by: str, extension: str) -> None:
    wishes = folder / "wishes"
    wishes.write_text(extension + "\n", "ascii")
    await _openssl(
        *("x509", "-req", "-in", folder / f"{request}.csr", "-days", "30"),
        *("-CA", folder / f"{by}.pem", "-CAkey", folder / f"{by}.key", "-CAcreateserial"),
        *("-extfile", wishes, "-out", folder / f"{name}.pem"),
    )


async def _openssl(*arguments: str | Path) -> None:
    process = await asyncio.create_subprocess_exec(
        "openssl", *arguments, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE
    )
    _, said = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"openssl {arguments[0]}: {said.decode(errors='replace')}")
