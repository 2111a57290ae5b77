"""The seam between our own elements and feedgen's documents."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from lxml import etree

from aggregator.core.joined import Frame, Piece, piece
from aggregator.core.model import Category
from aggregator.formats.fitting import fit_language
from aggregator.formats.item import Item

Element = Any
"""An lxml element; lxml has no types."""

XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"


@dataclass(frozen=True, slots=True)
class Ready:
    """Stands in a FeedGenerator for an entry whose element is built.

    feedgen builds entries while it writes the document, where one bad entry takes all with it.
    """

    element: Element

    def atom_entry(self) -> Element:
        return self.element

    def rss_entry(self) -> Element:
        return self.element

    def register_extension(self, *_: object) -> None:
        """Takes none of the extensions that feedgen offers to every entry."""


_CUT = b"<?cut ?>"
"""Stands before each entry while it is written. No text can hold it, as each `<` is escaped."""


def to_be_cut(elements: Iterable[Element]) -> list[Ready]:
    """Entries as feedgen takes them, so that `cut` finds each of them again."""
    return [
        Ready(each)
        for element in elements
        for each in (etree.ProcessingInstruction("cut"), element)
    ]


def cut(body: bytes, end: bytes) -> list[bytes]:
    """The bytes of each entry of a document that ends so."""
    return body.removesuffix(end).split(_CUT)[1:]


def as_pieces(
    built: Sequence[tuple[str, Element] | None], bodies: Sequence[bytes]
) -> list[Piece | None]:
    """The bytes with the ids of the elements that they are of, in their places."""
    rest: Iterator[bytes] = iter(bodies)
    return [None if each is None else piece(each[0], next(rest)) for each in built]


def framed(body: bytes, end: bytes) -> Frame:
    """Of a document without entries, which ends so: what stands around some."""
    return Frame(head=body.removesuffix(end), tail=end)


def category_facts(category: Category) -> dict[str, str]:
    """As feedgen takes it, for either format."""
    facts = {"term": category.term, "scheme": category.scheme, "label": category.label}
    return {name: fact for name, fact in facts.items() if fact}


def is_other_language(item: Item, language: str | None) -> bool:
    """Whether the entry has to say its language, since the feed says another one or none."""
    own, common = item.language, fit_language(language)
    return own is not None and own.lower() != (common or "").lower()


def child(parent: Element, tag: str, text: str | None = None, **attributes: str | None) -> Element:
    """Adds an element; attributes without a value are left out.

    In Atom documents `tag` has no namespace: feedgen writes that of the root as an attribute.
    """
    present = {name: value for name, value in attributes.items() if value is not None}
    element = etree.SubElement(parent, tag, present)
    element.text = text
    return element
