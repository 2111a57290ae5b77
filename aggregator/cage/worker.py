"""A reading process: `python -m aggregator.cage.worker LIMITS`, LIMITS being JSON.

It reads requests from stdin and writes replies to stdout, one after the other, until stdin ends.
"""

import contextlib
import json
import sys
from typing import Any, BinaryIO

from aggregator.cage import frames
from aggregator.cage.limits import Limits, confine, grant_cpu
from aggregator.core.errors import UnreadableFeed
from aggregator.core.model import ReadFeed
from aggregator.core.trackers import without_trackers
from aggregator.formats.known_slices import Rest
from aggregator.formats.languages import detector_at_hand
from aggregator.formats.reading import read_feed, read_rest


def main() -> None:
    limits = Limits(**json.loads(sys.argv[1]))
    detector_at_hand()
    confine(limits)
    grant_cpu(limits)
    with contextlib.suppress(BrokenPipeError):  # nobody waits for the answer any more
        _send(sys.stdout.buffer, frames.READY)
        while (facts := _receive(sys.stdin.buffer)) is not None:
            body = _receive(sys.stdin.buffer)
            if body is None:
                break
            grant_cpu(limits)
            answers = _answers(facts, body, limits)
            _send(sys.stdout.buffer, *answers)
            if frames.is_last(answers[-1]):
                break


def _answers(facts: bytes, body: bytes, limits: Limits) -> tuple[bytes, ...]:
    try:
        feed = _read(body, frames.wanted(facts))
        return frames.replies(feed) if feed else (frames.WHOLE,)
    except UnreadableFeed as error:
        return (frames.refusal(str(error)),)
    except MemoryError:
        reason = f"reading took more than {limits.memory_bytes >> 20} MB of memory"
        return (frames.refusal(reason, last=True),)
    except Exception as error:  # noqa: BLE001 whatever a parser does, the next document is read
        reason = f"reading failed ({type(error).__name__}: {str(error)[:200]})"
        return (frames.refusal(reason),)


def _read(body: bytes, wanted: dict[str, Any]) -> ReadFeed | None:
    """None where the body lacks its known items, and tells nothing without them."""
    runs = wanted.pop("runs", None)
    if runs is None:
        return read_feed(body, **wanted, clean=without_trackers)
    return read_rest(Rest(document=body, runs=runs), **wanted, clean=without_trackers)


def _receive(stream: BinaryIO) -> bytes | None:
    """The next payload; None when the other side has closed."""
    head = stream.read(frames.LENGTH.size)
    if len(head) < frames.LENGTH.size:
        return None
    (length,) = frames.LENGTH.unpack(head)
    payload = stream.read(length)
    return payload if len(payload) == length else None


def _send(stream: BinaryIO, *payloads: bytes) -> None:
    stream.writelines(frames.framed(payloads))
    stream.flush()


if __name__ == "__main__":
    main()
