"""How much reading one document may cost."""

import resource
from dataclasses import dataclass
from math import ceil


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a reading process gets; a document that needs more is unreadable.

    Of feeds as people publish them, 2 MB take about a second and 100 MB, and a small board
    several times as long.
    """

    memory_bytes: int = 512 * 1024 * 1024
    """Address space of the whole process, of which the interpreter itself takes about 50 MB."""
    cpu_seconds: int = 10
    wall_seconds: float = 20.0


_OPEN_FILES = 16


def confine(limits: Limits) -> None:
    """Shuts this process in for good: memory, no files of any size, few descriptors, no dumps."""
    for kind, amount in (
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (amount, amount))


def grant_cpu(limits: Limits) -> None:
    """Lets this process run for `cpu_seconds` more, at most one longer; then SIGXCPU ends it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    until = ceil(used.ru_utime + used.ru_stime + limits.cpu_seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (until, resource.RLIM_INFINITY))
