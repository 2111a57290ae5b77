"""The real clock: the one place that asks the machine for the time."""

import time
from datetime import UTC, datetime, timedelta


class SystemClock:
    """Signs `service.ports.Clock`.

    `steady` counts on from the wall clock at start. Where the system offers it, it counts time
    asleep as well, so that a board that wakes up polls what fell due meanwhile.
    """

    def __init__(self) -> None:
        self._start = self.now()
        self._elapsed_at_start = _elapsed()

    def now(self) -> datetime:
        return datetime.now(UTC)  # noqa: TID251  # the one reading of the wall clock

    def steady(self) -> datetime:
        return self._start + timedelta(seconds=_elapsed() - self._elapsed_at_start)


_BOOT_TIME: int | None = getattr(time, "CLOCK_BOOTTIME", None)


def _elapsed() -> float:
    return time.monotonic() if _BOOT_TIME is None else time.clock_gettime(_BOOT_TIME)
