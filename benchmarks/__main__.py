"""python -m benchmarks: every benchmark, one after the other."""

import sys

from benchmarks import (
    conformance,
    corpus,
    freshness,
    histories,
    politeness,
    readers,
    sick_hosts,
    slices,
    stories,
)

conformance.main([])
corpus.main()
histories.main()
freshness.main()
stories.main()
sys.exit(max(politeness.main(), sick_hosts.main(), readers.main(), slices.main()))
