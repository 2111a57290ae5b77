"""Something to publish."""

from aggregator.core.publication import Publication, Site
from aggregator.service.catalogue import Catalogue
from tests.builders import ago, read_entry
from tests.service.world import World

SITE = Site(title="Latest", url="https://site.example/", page_size=3)
LATEST = Publication(slug="latest", title="Latest", path="")


def catalogue(**changes) -> Catalogue:
    facts = {
        "site": SITE,
        "publications": (LATEST,),
        "names": {"a": "A", "b": "B"},
        "tags": {"数学": frozenset({"b"})},
    }
    return Catalogue(**{**facts, **changes})


async def two_sources() -> World:
    """Source a has four entries and b two; all have been polled."""
    world = World()
    for key, count in (("a", 4), ("b", 2)):
        url = await world.add(key)
        world.serves(
            url,
            *(
                read_entry(
                    f"{key}{n}", link=f"https://{key}.example/{n}", published=ago(days=n + 1)
                )
                for n in range(count)
            ),
        )
        await world.poll(key)
    return world
