from datetime import datetime, timedelta

from aggregator.core.moves import BELIEVED_AFTER, Moves, after_poll
from aggregator.core.wire import Answer, Failed, Fetched, Gone, NotModified, Validators
from tests.builders import NOON

OLD, NEW, NEWER = (f"https://{name}.example/feed" for name in ("old", "new", "newer"))
FAILED = Failed(kind="http", reason="HTTP 500", status=500)
SINCE_NOON = Moves(pending=NEW, pending_since=NOON)
MOVED = Moves(to=NEW)


def served(permanent_url: str | None = None) -> Fetched:
    return Fetched(
        url=permanent_url or OLD,
        status=200,
        body=b"",
        content_type="",
        validators=Validators(),
        permanent_url=permanent_url,
    )


def after(moves: Moves, answer: Answer, *, at: datetime = NOON, **counts) -> Moves:
    facts = {"configured": OLD, "failures": 0, "gone_count": 0, **counts}
    return after_poll(moves, answer, now=at, **facts)


def test_a_permanent_redirect_is_noted_and_not_yet_believed():
    assert after(Moves(), served(NEW)) == SINCE_NOON


def test_after_a_week_of_it_the_source_has_moved():
    almost = NOON + BELIEVED_AFTER - timedelta(seconds=1)

    assert after(SINCE_NOON, served(NEW), at=almost) == SINCE_NOON
    assert after(SINCE_NOON, served(NEW), at=NOON + BELIEVED_AFTER) == MOVED


def test_a_304_behind_the_redirect_counts_as_well():
    answer = NotModified(validators=Validators(), permanent_url=NEW)

    assert after(SINCE_NOON, answer, at=NOON + BELIEVED_AFTER) == MOVED


def test_one_answer_without_the_redirect_takes_it_all_back():
    assert after(SINCE_NOON, served(), at=NOON + BELIEVED_AFTER) == Moves()


def test_another_target_begins_a_week_of_its_own():
    later = NOON + timedelta(days=6)

    assert after(SINCE_NOON, served(NEWER), at=later) == Moves(pending=NEWER, pending_since=later)


def test_a_failure_changes_nothing():
    assert after(SINCE_NOON, FAILED, failures=1) == SINCE_NOON
    assert after(MOVED, FAILED, failures=4) == MOVED
    assert after(MOVED, Gone(), gone_count=1) == MOVED


def test_a_new_address_that_fails_again_and_again_is_given_up():
    assert after(MOVED, FAILED, failures=5) == Moves()
    assert after(MOVED, Gone(), gone_count=2) == Moves()


def test_a_new_address_may_move_on_and_is_polled_until_that_is_believed():
    pending = after(MOVED, served(NEWER))

    assert pending == Moves(to=NEW, pending=NEWER, pending_since=NOON)
    assert after(pending, served(NEWER), at=NOON + BELIEVED_AFTER) == Moves(to=NEWER)


def test_a_source_may_move_back():
    pending = Moves(to=NEW, pending=OLD, pending_since=NOON)

    assert after(pending, served(OLD), at=NOON + BELIEVED_AFTER) == Moves()


def test_a_date_that_a_wrong_clock_left_in_the_future_does_not_hold_it_up():
    future = Moves(pending=NEW, pending_since=NOON + timedelta(days=999))

    assert after(future, served(NEW)) == SINCE_NOON
