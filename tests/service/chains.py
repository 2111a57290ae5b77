"""A reader of a feed that follows RFC 5005, and a feed to be read."""

from dataclasses import dataclass, field, replace

from aggregator.core.archives import Volume
from aggregator.core.filters import NO_FILTERS
from aggregator.core.leaves import NEWEST, Leaf
from aggregator.core.publication import Publication
from aggregator.core.select import LeftOut, Selector
from aggregator.service.archives.archiving import lastingly
from aggregator.service.archives.history import Contents, History
from aggregator.service.ports import Selection
from tests.fakes import FakeClock, Notebook
from tests.service.published import catalogue

EVERYTHING = Publication(slug="latest", title="Latest", path="", limit=3)


def history(store, *publications: Publication, clock=None, filters=NO_FILTERS) -> History:
    return History(
        store=store,
        clock=clock or FakeClock(),
        catalogue=catalogue(publications=publications or (EVERYTHING,), filters=filters),
        complain=Notebook().failed,
    )


def ids(contents: Contents) -> list[str]:
    return [line.id for line in contents.lines]


async def chain(opened: History, publication: Publication) -> list[tuple[Leaf, Contents]]:
    """The document to subscribe to, and what its links to archives lead to, as far as they go."""
    leaves = [NEWEST]
    found: list[tuple[Leaf, Contents]] = []
    while leaves:
        leaf = leaves.pop()
        contents = await opened.open(publication, leaf)
        assert leaf not in dict(found)
        found.append((leaf, contents))
        leaves += [to for rel, to in contents.neighbours.items() if rel == "prev-archive"]
    return found


async def passing(store, publication: Publication, filters=NO_FILTERS, *, now) -> set[str]:
    """Everything that is stored and that the feed may show, however old and however much."""
    selection = Selection(sources=publication.sources)
    stories = await store.whole_stories(selection, limit=10**6)
    selector = Selector(lastingly(publication), filters, now=now)
    return {each.id for each in stories if not isinstance(selector.judge(each), LeftOut)}


@dataclass
class Reader:
    """Comes when it likes, and goes back as far as it has to (RFC 5005 §4.2)."""

    got: set[str] = field(default_factory=set)
    seen: set[Volume] = field(default_factory=set)

    async def come(self, opened: History, publication: Publication) -> None:
        contents = await opened.open(publication, NEWEST)
        self.got.update(ids(contents))
        while (leaf := contents.neighbours.get("prev-archive")) and leaf.volume not in self.seen:
            self.seen.add(leaf.volume or Volume(number=0))
            contents = await opened.open(publication, leaf)
            self.got.update(ids(contents))


def of(key: str, **changes) -> Publication:
    """A source's feed of three entries."""
    facts = {"slug": key, "path": f"sources/{key}", "sources": frozenset({key})}
    return replace(EVERYTHING, **{**facts, **changes})
