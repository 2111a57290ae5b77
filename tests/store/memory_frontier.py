"""Turns at hosts in a dictionary: signs the same contract as the database."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from aggregator.service.frontier import Ending, HostRun


@dataclass
class _Host:
    rest_until: datetime | None = None
    token: str | None = None
    run_until: datetime | None = None

    def is_running(self, now: datetime) -> bool:
        until = self.run_until
        return until is not None and now < until <= now + timedelta(days=1)

    def is_over(self, before: datetime) -> bool:
        if self.run_until:
            return self.run_until <= before - timedelta(hours=1)
        return self.rest_until is None or self.rest_until <= before


class MemoryHosts:
    """Who has the turn at which host."""

    def __init__(self) -> None:
        self._hosts: dict[str, _Host] = {}

    def _is_running(self, host: str, now: datetime) -> bool:
        return host in self._hosts and self._hosts[host].is_running(now)

    def _is_ours(self, run: HostRun) -> bool:
        return run.host in self._hosts and self._hosts[run.host].token == run.token

    def _running(self, now: datetime) -> int:
        return sum(host.is_running(now) for host in self._hosts.values())

    def _take(
        self, name: str, token: str, now: datetime, until: datetime, delay: timedelta
    ) -> datetime | None:
        """Until when it rests."""
        host = self._hosts.setdefault(name, _Host())
        if host.run_until:
            host.rest_until = host.run_until + delay
        host.token, host.run_until = token, until
        rest = host.rest_until
        return rest if rest and now < rest <= now + timedelta(hours=1) else None

    async def renew(self, runs: Collection[HostRun], *, until: datetime) -> set[str]:
        held = {run.host for run in runs if self._is_ours(run)}
        for host in held:
            self._hosts[host].run_until = until
        return held

    async def complete(self, endings: Sequence[Ending]) -> None:
        for one in endings:
            if self._is_ours(one.run):
                host = self._hosts[one.run.host]
                host.token = host.run_until = None
                host.rest_until = one.rest_until or host.rest_until

    async def forget_hosts(self, *, before: datetime) -> None:
        over = [name for name, host in self._hosts.items() if host.is_over(before)]
        for name in over:
            del self._hosts[name]
