"""The digests by which entries, links, contents and documents are recognised."""

from hashlib import blake2b

from xxhash import xxh3_64_intdigest, xxh3_128_digest


def digest(*parts: str) -> bytes:
    """16 bytes over the parts, each with its length, so that no two lists of parts are alike."""
    hasher = blake2b(digest_size=16)
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        hasher.update(len(encoded).to_bytes(8, "big"))
        hasher.update(encoded)
    return hasher.digest()


def digests(first: str, second: str) -> tuple[bytes, bytes]:
    """`digest(first)` and `digest(first, second)`, in little more than half the time."""
    hasher = blake2b(_framed(first), digest_size=16)
    alone = hasher.digest()
    hasher.update(_framed(second))
    return alone, hasher.digest()


def _framed(part: str) -> bytes:
    encoded = part.encode("utf-8", "surrogatepass")
    return len(encoded).to_bytes(8, "big") + encoded


def body_digest(body: bytes) -> bytes:
    """16 bytes over a document as it came."""
    return blake2b(body, digest_size=16).digest()


def quick_digest(document: bytes) -> bytes:
    """16 bytes by which a source's document is known again, in a thirtieth of the time.

    Whoever wants two documents to be alike in it can make them so: it tells a source's documents
    from each other, and never what comes from one source from what comes from another.
    """
    return xxh3_128_digest(document)


def quick_number(item: bytes) -> int:
    """The same of an item among those of its document, below 2 ** 64."""
    return xxh3_64_intdigest(item)
