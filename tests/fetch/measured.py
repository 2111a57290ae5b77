"""A process of its own that polls addresses and prints what each cost.

python -m tests.fetch.measured MAX_BODY URL...
"""

import asyncio
import json
import sys
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path
from time import process_time

from aggregator.core.wire import Failed, FetchRequest
from aggregator.fetch.http import HttpFetcher
from tests.patience import PATIENCE


def memory(name: str) -> int:
    """Bytes, as the kernel counts them."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def forget_the_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5", "ascii")


async def measure(max_body: int, *urls: str) -> None:
    fetcher = HttpFetcher(
        allow_networks=[ip_network("127.0.0.0/8")], now=lambda: datetime(2026, 1, 1, tzinfo=UTC)
    )

    async def poll(url: str):
        return await fetcher.fetch(
            FetchRequest(url=url, timeout=PATIENCE, max_body=max_body, user_agent="a")
        )

    await poll(urls[0].rpartition("/")[0] + "/warm")
    for url in urls:
        forget_the_peak()
        before, began = memory("VmRSS"), process_time()
        answer = await poll(url)
        took, growth = process_time() - began, memory("VmHWM") - before
        outcome = answer.kind if isinstance(answer, Failed) else type(answer).__name__
        print(json.dumps([outcome, growth, took]))  # noqa: T201  # read by the test
    await fetcher.aclose()


if __name__ == "__main__":
    asyncio.run(measure(int(sys.argv[1]), *sys.argv[2:]))
