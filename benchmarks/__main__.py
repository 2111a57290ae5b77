"""python -m benchmarks: every benchmark, one after the other."""

import sys

from benchmarks import (
    conformance,
    corpus,
    freshness,
    growth,
    histories,
    politeness,
    quick_parse,
    readers,
    sick_hosts,
    slices,
    stories,
)

conformance.main([])
corpus.main()
histories.main()
growth.main()
freshness.main()
stories.main()
growth.main()
sys.exit(
    max(
        politeness.main(),
        sick_hosts.main(),
        readers.main(),
        slices.main(),
        quick_parse.main([]),
    )
)
