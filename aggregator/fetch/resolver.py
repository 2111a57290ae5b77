"""Names to addresses, in threads of our own.

asyncio's threads are few and shared: some forty look-ups that hang would stop everything else.
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from queue import SimpleQueue

from aggregator.core.addresses import IPAddress, literal_address
from aggregator.fetch.failures import FetchFailure

Lookup = Callable[[str], Sequence[IPAddress]]
"""Blocks until the addresses of a name are known. Raises OSError or UnicodeError."""

THREADS = 128
MOST_IDLE = 16
"""Threads that wait for another name."""

KEEP = 60.0
"""Seconds for which the addresses of a name are known: the sources of one server are polled one
after the other. The guard judges them each time that they are dialled.
"""

MOST_KNOWN = 1000
"""Names; beyond it the one that was looked up first goes."""

LIMIT = 10.0
"""Seconds for one look-up: time for the system to turn to its second name server."""


def system_lookup(host: str) -> list[IPAddress]:
    """The system's answer, in the order in which it wants them tried (RFC 6724)."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [ip_address(address[0]) for *_, address in found]


class _Workers:
    """Threads that stay for the next job, some of them: to begin one costs more than a look-up.

    They are daemons, so that one which hangs in the system does not hold up the exit.
    """

    def __init__(self) -> None:
        self._jobs: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._lock = threading.Lock()
        self._idle = 0

    def start(self, job: Callable[[], None]) -> None:
        """Raises RuntimeError when the system gives no more threads."""
        with self._lock:
            is_anybody_idle = self._idle > 0
            self._idle -= is_anybody_idle
        if is_anybody_idle:
            self._jobs.put(job)  # each who waits there was counted, and takes one
        else:
            threading.Thread(target=self._work, args=(job,), name="dns", daemon=True).start()

    def _work(self, job: Callable[[], None]) -> None:
        while True:
            job()
            with self._lock:
                if self._idle == MOST_IDLE:
                    return
                self._idle += 1
            del job  # and what it holds
            job = self._jobs.get()


_workers = _Workers()
"""Of all resolvers."""


class Resolver:
    """Looks names up, at most THREADS at a time, and keeps what it found for `keep` seconds."""

    def __init__(
        self, lookup: Lookup = system_lookup, *, limit: float = LIMIT, keep: float = KEEP
    ) -> None:
        self._lookup = lookup
        self._limit = limit
        self._keep = keep
        self._known: dict[str, tuple[float, Sequence[IPAddress]]] = {}
        self._free = asyncio.Semaphore(THREADS)

    async def addresses(self, host: str) -> Sequence[IPAddress]:
        """One look-up at most; none for an address, nor for what is known.

        Raises FetchFailure when nothing is found.
        """
        literal = literal_address(host)
        if literal is not None:
            return [literal]
        now = asyncio.get_running_loop().time()
        until, known = self._known.get(host, (now, ()))
        if until > now:
            return known
        found = await self._looked_up(host)
        self._known.pop(host, None)
        self._known[host] = now + self._keep, found
        if len(self._known) > MOST_KNOWN:
            del self._known[next(iter(self._known))]
        return found

    async def _looked_up(self, host: str) -> Sequence[IPAddress]:
        try:
            async with asyncio.timeout(self._limit):
                found = await self._in_thread(host)
        except TimeoutError:
            raise FetchFailure("dns", f"no answer from DNS about {host}") from None
        except socket.gaierror as error:
            raise FetchFailure("dns", f"{host}: {(error.strerror or '').lower()}") from error
        except (OSError, ValueError) as error:
            raise FetchFailure("dns", f"{host} cannot be looked up") from error
        if not found:
            raise FetchFailure("dns", f"{host} has no address")
        return found

    async def _in_thread(self, host: str) -> Sequence[IPAddress]:
        await self._free.acquire()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Sequence[IPAddress]] = loop.create_future()

        def settle(found: Sequence[IPAddress] | Exception) -> None:
            self._free.release()
            if answer.done():  # nobody waits any more
                return
            if isinstance(found, Exception):
                answer.set_exception(found)
            else:
                answer.set_result(found)

        def work() -> None:
            found = self._try(host)
            with contextlib.suppress(RuntimeError):  # the loop has ended, and all that waited
                loop.call_soon_threadsafe(settle, found)

        try:
            _workers.start(work)
        except RuntimeError:  # the system gives no more threads
            self._free.release()
            raise
        return await answer

    def _try(self, host: str) -> Sequence[IPAddress] | Exception:
        try:
            return self._lookup(host)
        except Exception as error:  # noqa: BLE001  # handed to the waiting task, which judges it
            return error
