"""python -m benchmarks: every benchmark, one after the other."""

import sys

from benchmarks import conformance, corpus, freshness, politeness

conformance.main([])
corpus.main()
freshness.main()
sys.exit(politeness.main())
