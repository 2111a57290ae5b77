"""Writes the site into a folder, once or after every change.

news       the revision moved on; more of it within a moment counts as one   (service)
| touched  whose entries changed since the last time                         (service)
| files    made one by one                                                   (static_site)
| put      where its bytes are others, in a thread                           (folder)
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Protocol

from aggregator.core.positions import Step
from aggregator.tasks.ends import end_all
from aggregator.web.folder import Folder, FolderBusy, Written, opened
from aggregator.web.ports import Report
from aggregator.web.static_site import StaticSite

WAIT = 0.2
"""Seconds until somebody else's run is looked at again."""
CALM = 2.0
"""Seconds that further changes are waited for."""
RETRY = 60.0
"""Seconds until a folder that could not be written is tried again."""
WHOLE = 3600.0
"""Seconds after which everything is made: also what no entry has changed, such as health."""


class Touched(Protocol):
    """Signed by `service.entry_lists.EntryLists`."""

    async def end(self) -> Step: ...

    async def touched(self, since: Step) -> frozenset[str] | None:
        """Keys of the sources whose entries changed since; None where those are too many."""


async def publish(
    site: StaticSite, folder: Path, touched: Collection[str] | None = None
) -> Written:
    """Raises CannotPublish and StoreError. What is no more is removed when all went well."""
    site.failures = 0
    async with AsyncExitStack() as stack:
        run = await _alone(stack, folder)
        async for file in site.files(touched):
            await asyncio.to_thread(run.put, file.path, file.body)
        if touched is None and not site.failures:
            await asyncio.to_thread(run.finish)
    return run.done


async def _alone(stack: AsyncExitStack, folder: Path) -> Folder:
    """Waits for others here, and not in a thread that nobody could stop."""
    while True:
        context = opened(folder)
        try:
            run = await asyncio.to_thread(context.__enter__)
        except FolderBusy:
            await asyncio.sleep(WAIT)
        else:
            stack.push(context)
            return run


class Outlet:
    """Keeps a folder as the site is. `report` hears of what goes wrong, `say` of what was done."""

    def __init__(
        self,
        site: StaticSite,
        folder: Callable[[], Path | None],
        *,
        lists: Touched,
        report: Report,
        say: Callable[[Written], None],
    ) -> None:
        self._site = site
        self._folder = folder
        self._lists = lists
        self._report = report
        self._say = say
        self._due = asyncio.Event()
        self._step: Step | None = None
        """Up to which changes are written; None before the first time."""

    def renew(self) -> None:
        """Makes everything anew: the configuration, or a template, is another."""
        self._step = None
        self._due.set()

    async def run(self, news: AsyncIterator[int]) -> None:
        """Writes after every change that is told; as long as a run took, it rests."""
        loop = asyncio.get_running_loop()
        following = asyncio.create_task(self._follow(news))
        try:
            while True:
                await self._wait()
                self._due.clear()
                started = loop.time()
                if await self._write():
                    await asyncio.sleep(loop.time() - started)
                else:
                    self.renew()
                    await asyncio.sleep(RETRY)
        finally:
            await end_all([following])

    async def _follow(self, news: AsyncIterator[int]) -> None:
        async for _ in news:
            self._due.set()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(WHOLE):
                await self._due.wait()
        except TimeoutError:
            self._step = None
        await asyncio.sleep(CALM)

    async def _write(self) -> bool:
        folder, since = self._folder(), self._step
        if folder is None:
            return True
        try:
            end = await self._lists.end()
            touched = None if since is None else await self._lists.touched(since)
            done = await publish(self._site, folder, touched)
        except Exception as error:  # noqa: BLE001 - files that cannot be made end nothing else
            self._report("publishing static files", error)
            return False
        self._step = None if self._site.failures else end
        if done.written or done.removed:
            self._say(done)
        return True
