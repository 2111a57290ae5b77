"""The tables, as the newest migration leaves them.

    sources     what we poll, with the state of its polls, its schedule and its lease
    hosts       who has the turn at a host, and until when it rests
    polls       the last polls of each source, a ring of rows each
    entries     what sources said, one row for each guid of each source
    edits       how many edits an entry took lately
    stories     what we publish: one row for the entries that are one story
    marks       under which an entry's text is found again
    tombstones  guids that must not come back as new
    takedowns   stories that are never shown again; taken_down: the guids that they had
    documents   what is remembered of each source's last document
    revision    one row: counts the changes to what is shown
    readers     who fetches our feeds, as digests
    served      publications, sources and tags that ever had an address, as digests
    archives    feeds, and how far their archives have come
    archived    the stories of each archive, in the order in which they came in
    pushes      sources that offer a hub, and what it does
    callbacks   our subscriptions there
    deliveries  whom we tell of what, how far each has come, and the lease on it (`delivery_schema`)
    told        what a webhook was told of, so that edits of it are found (`delivery_schema`)

The search index stands beside them: each database has its own kind (`searching`).

A text can be longer than an index takes, so that what must be unique is so by its digest.
Short columns come first: SQLite reads a long row only as far as it must.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TextClause,
    UniqueConstraint,
    text,
)

from aggregator.store.column_types import Json, UtcMicros

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite gives out 64-bit row ids under this very name only.
_Id = BigInteger().with_variant(Integer, "sqlite")

DUE = text("sources.listed AND sources.enabled AND sources.failures = 0")
FAILING = text("sources.listed AND sources.enabled AND sources.failures > 0")
"""What is polled: well when last asked, or not. Written out, as the databases know their indexes by
it; each has one of its own, so that neither kind has to be walked over on the way to the other."""

UNLISTED = text("NOT sources.listed")
_PAUSED = text("domain_paused_until IS NOT NULL")
_RUNNING = text("run_until IS NOT NULL")


def _unqualified(condition: TextClause) -> TextClause:
    """As an index has it."""
    return text(condition.text.replace("sources.", ""))


def _partial(name: str, *columns: str, where: TextClause) -> Index:
    return Index(name, *columns, sqlite_where=where, postgresql_where=where)


sources = Table(
    "sources",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("key", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("name", Text),
    Column("host", Text, nullable=False),
    Column("domain", Text, nullable=False),  # what a server's pause holds for
    Column("listed", Boolean, nullable=False),  # named by the configuration now
    Column("enabled", Boolean, nullable=False),
    Column("priority", Integer, nullable=False, server_default="0"),
    Column("ever_read", Boolean, nullable=False),
    Column("next_poll_at", UtcMicros, nullable=False),
    Column("next_poll_reason", Text, nullable=False),
    Column("lease_token", Text),
    Column("lease_until", UtcMicros),
    Column("paused_until", UtcMicros),
    Column("domain_paused_until", UtcMicros),  # what of it holds for others of the domain
    Column("not_before", UtcMicros),
    Column("last_poll_at", UtcMicros),
    Column("last_success_at", UtcMicros),
    Column("last_status", Integer),
    Column("last_error", Text),
    Column("failures", Integer, nullable=False),
    Column("gone_count", Integer, nullable=False),
    Column("throttles", Integer, nullable=False),
    Column("poll_count", Integer, nullable=False),
    Column("last_news_at", UtcMicros),
    Column("moved_to", Text),  # where it is polled instead of `url`
    Column("moving_to", Text),  # where its permanent redirects lead, not yet believed
    Column("moving_since", UtcMicros),
    Column("suggested_url", Text),  # where the feed may have gone
    Column("etag", Text),
    Column("last_modified", Text),
    Column("body_digest", LargeBinary),  # of its packed form, and how long it is unpacked, too
    Column("habits", LargeBinary),  # as `core.rhythm` packs them; empty when entries came or went
    Column("info", Json, nullable=False),
    UniqueConstraint("key"),
    # The host is there to pass over those of a busy one without a look at their rows.
    _partial("ix_sources_due", "next_poll_at", "id", "host", where=_unqualified(DUE)),
    _partial("ix_sources_failing", "next_poll_at", "id", "host", where=_unqualified(FAILING)),
    _partial("ix_sources_paused", "domain", "domain_paused_until", where=_PAUSED),
    _partial("ix_sources_unlisted", "id", where=_unqualified(UNLISTED)),
    sqlite_autoincrement=True,
)

hosts = Table(
    "hosts",
    metadata,
    Column("host", Text, primary_key=True),
    Column("rest_until", UtcMicros),
    Column("run_token", Text),
    Column("run_until", UtcMicros),
    # Of all hosts those with a run are few.
    _partial("ix_hosts_running", "run_until", "host", where=_RUNNING),
    sqlite_with_rowid=False,
)

polls = Table(
    "polls",
    metadata,
    Column("source_id", BigInteger, ForeignKey("sources.id"), primary_key=True),
    Column("slot", Integer, primary_key=True, autoincrement=False),  # the oldest makes room
    Column("polled_at", UtcMicros, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("status", Integer),
    Column("bytes", BigInteger, nullable=False),
    Column("elapsed_ms", Integer, nullable=False),
    Column("error", Text),
    Column("sent_etag", Text),
    Column("sent_last_modified", Text),
    Column("etag", Text),
    Column("last_modified", Text),
    sqlite_with_rowid=False,
)

stories = Table(
    "stories",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("link_digest", LargeBinary),
    Column("published_digest", LargeBinary, nullable=False),
    # No foreign key: the two tables would need each other first.
    Column("lead_entry_id", BigInteger),
    Column("rank_at", UtcMicros, nullable=False),
    Column("changed_at", UtcMicros, nullable=False),
    # Revisions, as a clock may go back: whoever follows the changes must not miss one.
    Column("opened_in", BigInteger, nullable=False),
    Column("changed_in", BigInteger, nullable=False),
    Column("published_id", Text, nullable=False),
    UniqueConstraint("link_digest"),
    UniqueConstraint("published_digest"),
    Index(None, "rank_at", "id"),
    Index(None, "changed_in", "id"),
    # An id that comes back would let a late edit hit another entry.
    sqlite_autoincrement=True,
)

JOINED_BY_TEXT = text("joined_by = 'text'")
"""Written out, as the databases know their index by it."""

entries = Table(
    "entries",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("source_id", BigInteger, ForeignKey("sources.id"), nullable=False),
    Column("story_id", BigInteger, ForeignKey("stories.id"), nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("link_digest", LargeBinary),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("published_at", UtcMicros, nullable=False),
    Column("updated_at", UtcMicros, nullable=False),
    Column("first_seen_at", UtcMicros, nullable=False),
    Column("guid", Text, nullable=False),
    Column("link", Text),
    Column("language", Text),
    Column("image", Text),
    Column("authors", Json, nullable=False),
    Column("categories", Json, nullable=False),
    Column("enclosures", Json, nullable=False),
    Column("more", Json, nullable=False),  # what few have: contributors, terms, comments, origin
    Column("title", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("content_html", Text, nullable=False),
    Column("joined_by", Text, nullable=False),  # why it is in its story
    Column("taken_from", Json, nullable=False),  # the feeds that it says it comes from
    UniqueConstraint("source_id", "digest"),
    Index(None, "source_id", "link_digest"),
    Index(None, "story_id", "source_id"),
    # The few entries whose own link is not their story's.
    Index(
        "ix_entries_link_digest",
        "link_digest",
        sqlite_where=JOINED_BY_TEXT,
        postgresql_where=JOINED_BY_TEXT,
    ),
    # Answers retention and "stories of this source" without touching a row.
    Index(None, "source_id", "published_at", "first_seen_at", "story_id"),
    sqlite_autoincrement=True,
)

# Apart from the entries: few are ever edited, and a poll need not read past long texts.
edits = Table(
    "edits",
    metadata,
    Column(
        "entry_id",
        BigInteger,
        ForeignKey("entries.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("number", Integer, nullable=False),
    Column("last_at", UtcMicros, nullable=False),
    sqlite_with_rowid=False,
)

marks = Table(
    "marks",
    metadata,
    Column("mark", BigInteger, primary_key=True, autoincrement=False),
    Column("entry_id", BigInteger, ForeignKey("entries.id"), primary_key=True, index=True),
    sqlite_with_rowid=False,
)

tombstones = Table(
    "tombstones",
    metadata,
    Column("source_id", BigInteger, ForeignKey("sources.id"), primary_key=True),
    Column("digest", LargeBinary, primary_key=True),
    Column("pruned_at", UtcMicros),  # empty where `backfill` left the entry out
    sqlite_with_rowid=False,
)

takedowns = Table(
    "takedowns",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("published_digest", LargeBinary, nullable=False),
    Column("taken_at", UtcMicros, nullable=False),
    Column("published_id", Text, nullable=False),
    Column("link", Text),
    Column("title", Text, nullable=False),
    Column("reason", Text, nullable=False),
    UniqueConstraint("published_digest"),
)

taken_down = Table(
    "taken_down",
    metadata,
    Column("source_id", BigInteger, ForeignKey("sources.id"), primary_key=True),
    Column("digest", LargeBinary, primary_key=True),
    Column("takedown_id", BigInteger, ForeignKey("takedowns.id"), primary_key=True, index=True),
    Column("guid", Text, nullable=False),
    sqlite_with_rowid=False,
)

documents = Table(
    "documents",
    metadata,
    Column("source_id", BigInteger, ForeignKey("sources.id"), primary_key=True),
    Column("memory", LargeBinary, nullable=False),  # as `core.memory` packs it
)

revision = Table(
    "revision",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # always 1
    Column("number", BigInteger, nullable=False),
    Column("changed_at", UtcMicros, nullable=False),
    # How many there are: to count them would take longer with each.
    Column("stories", BigInteger, nullable=False, server_default="0"),
    # The last one in which something else was told of a source, unless a new entry of it tells
    # that by having its story changed.
    Column("told_in", BigInteger, nullable=False, server_default="0"),
)

readers = Table(
    "readers",
    metadata,
    Column("group_digest", LargeBinary, primary_key=True),
    Column("member_digest", LargeBinary, primary_key=True),
    Column("told", Integer),
    Column("first_seen_at", UtcMicros, nullable=False),
    Column("last_seen_at", UtcMicros, nullable=False),
    sqlite_with_rowid=False,
)

archives = Table(
    "archives",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("path", Text, nullable=False),
    Column("definition", LargeBinary, nullable=False),  # which stories it is about
    Column("scanned_to", BigInteger),  # the story that its scan of all has come to; empty: done
    Column("followed_to", BigInteger, nullable=False),  # the revision that it has come to, ...
    Column("followed_story", BigInteger, nullable=False),  # ... and the story of that one
    Column("again_at", UtcMicros),  # when time alone may let other stories in, ...
    Column("again_from", BigInteger),  # ... and the first of those
    Column("length", BigInteger, nullable=False),  # stories that ever came in
    UniqueConstraint("path"),
    sqlite_autoincrement=True,
)

archived = Table(
    "archived",
    metadata,
    Column("archive_id", BigInteger, ForeignKey("archives.id"), primary_key=True),
    Column("place", BigInteger, primary_key=True, autoincrement=False),  # from 0, none used twice
    Column("story_id", BigInteger, ForeignKey("stories.id", ondelete="CASCADE"), nullable=False),
    UniqueConstraint("story_id", "archive_id"),
    sqlite_with_rowid=False,
)

pushes = Table(
    "pushes",
    metadata,
    Column(
        "source_id", BigInteger, ForeignKey("sources.id"), primary_key=True, autoincrement=False
    ),
    Column("hubs", Json, nullable=False),
    Column("topic", Text, nullable=False),
    Column("due_at", UtcMicros, index=True),  # empty: when the source offers something else
    Column("failures", Integer, nullable=False),
    Column("error", Text),
    Column("delivered_at", UtcMicros),
    Column("missed_at", UtcMicros),  # when a poll found what no push had brought
    sqlite_with_rowid=False,
)

callbacks = Table(
    "callbacks",
    metadata,
    Column("token", Text, primary_key=True),
    Column("source_id", BigInteger, ForeignKey("sources.id"), nullable=False, index=True),
    Column("url", Text, nullable=False),
    Column("hub", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("secret", Text),
    Column("state", Text, nullable=False),
    Column("asked_at", UtcMicros, nullable=False),
    Column("verified_at", UtcMicros),
    Column("renew_at", UtcMicros),
    Column("lease_until", UtcMicros),
    sqlite_with_rowid=False,
)

served = Table(
    "served",
    metadata,
    Column("name_digest", LargeBinary, primary_key=True),
    sqlite_with_rowid=False,
)
