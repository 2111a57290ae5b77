"""A hub on loopback that does as its script says: real HTTP, in this process."""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urlsplit


@dataclass
class Subscription:
    """What a subscriber asked for, last."""

    callback: str
    topic: str
    secret: str | None
    lease: str


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class ScriptedHub:
    """Verifies at once what it is asked, unless told otherwise; pushes what the test gives it."""

    url: str = ""
    asked: list[dict[str, str]] = field(default_factory=list)
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    """By callback."""
    verifications: list[Reply] = field(default_factory=list)
    status: int = 202
    location: str = ""
    lease: int | None = 3600
    verifies: bool = True
    tasks: set[asyncio.Task[Reply]] = field(default_factory=set)

    @property
    def only(self) -> Subscription:
        (subscription,) = self.subscriptions.values()
        return subscription

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length")
        )
        form = dict(parse_qsl((await reader.readexactly(length)).decode()))
        self.asked.append(form)
        location = f"Location: {self.location}\r\n" if self.location else ""
        line = f"HTTP/1.1 {self.status} Told\r\n{location}Content-Length: 0\r\n\r\n"
        writer.write(line.encode())
        await writer.drain()
        writer.close()
        if self.status == 202 and self.verifies:
            task = asyncio.create_task(self.verify(form))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def verify(self, form: Mapping[str, str], **changes: str) -> Reply:
        """Asks the subscriber whether it meant it; `_` in a name stands for a dot."""
        mode = form["hub.mode"]
        said = {"hub.mode": mode, "hub.topic": form["hub.topic"], "hub.challenge": "c&<42>"}
        if self.lease is not None:
            said["hub.lease_seconds"] = str(self.lease)
        said |= {name.replace("_", ".", 1): value for name, value in changes.items()}
        reply = await request("GET", f"{form['hub.callback']}?{urlencode(said)}")
        self.verifications.append(reply)
        if (reply.status, reply.body) == (200, said["hub.challenge"].encode()):
            self._agree(form, mode)
        return reply

    def _agree(self, form: Mapping[str, str], mode: str) -> None:
        callback = form["hub.callback"]
        if mode == "unsubscribe":
            self.subscriptions.pop(callback, None)
            return
        self.subscriptions[callback] = Subscription(
            callback=callback,
            topic=form["hub.topic"],
            secret=form.get("hub.secret"),
            lease=form["hub.lease_seconds"],
        )

    async def push(
        self,
        body: bytes,
        *,
        topic: str | None = None,
        method: str = "sha256",
        signature: str | None = None,
        **headers: str,
    ) -> list[Reply]:
        """Delivers to everybody who subscribed to the topic (None: to any)."""
        replies = []
        told = [one for one in self.subscriptions.values() if topic in {None, one.topic}]
        for one in told:
            sent = {"Content-Type": "application/rss+xml", **headers}
            if signature is not None:
                sent["X-Hub-Signature"] = signature
            elif one.secret:
                sent["X-Hub-Signature"] = f"{method}={signed(body, one.secret, method)}"
            replies.append(await request("POST", one.callback, body, **sent))
        return replies


def signed(body: bytes, secret: str, method: str = "sha256") -> str:
    return hmac.new(secret.encode(), body, getattr(hashlib, method)).hexdigest()


async def request(method: str, url: str, body: bytes = b"", **headers: str) -> Reply:
    """One request on a connection of its own."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    fields = {"Host": parts.netloc, "Connection": "close", "Content-Length": str(len(body))}
    lines = [f"{name}: {value}" for name, value in (fields | headers).items()]
    writer.write("\r\n".join([f"{method} {target} HTTP/1.1", *lines, "", ""]).encode() + body)
    await writer.drain()
    head, _, rest = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    status, *raw = head.decode("latin-1").split("\r\n")
    given = {name.lower(): value for name, _, value in (line.partition(": ") for line in raw)}
    return Reply(int(status.split(" ")[1]), given, rest)


@asynccontextmanager
async def scripted_hub(**script: object) -> AsyncIterator[ScriptedHub]:
    hub = ScriptedHub(**script)  # type: ignore[arg-type]  # the test's own
    server = await asyncio.start_server(hub.handle, "127.0.0.1", 0)
    hub.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hub"
    try:
        yield hub
    finally:
        server.close()
        await asyncio.gather(*hub.tasks, return_exceptions=True)
        await server.wait_closed()
