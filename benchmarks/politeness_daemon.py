"""aggregator, with the public names of the play on loopback: python -m … --config FILE COMMAND.

Nothing else is changed: the guard judges what DNS says, and only the dialling below it ends at this
machine. POLITENESS_AHEAD sets the clock that many seconds ahead.
"""

import os
from datetime import datetime, timedelta
from functools import partial

from aggregator import bootstrap
from aggregator.cli.main import app
from aggregator.clock import SystemClock
from aggregator.fetch.http import HttpFetcher
from benchmarks.politeness_wire import to_loopback

AHEAD = timedelta(seconds=float(os.environ.get("POLITENESS_AHEAD", "0")))


class ClockAhead(SystemClock):
    """The machine's clock, set ahead."""

    def now(self) -> datetime:
        return super().now() + AHEAD


if __name__ == "__main__":
    setattr(bootstrap, "SystemClock", ClockAhead)  # noqa: B010  # mypy minds the assignment
    setattr(bootstrap, "HttpFetcher", partial(HttpFetcher, transports=to_loopback()))  # noqa: B010
    app()
