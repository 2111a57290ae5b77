"""python -m benchmarks: every benchmark, one after the other."""

import sys

from benchmarks import corpus, freshness, politeness

corpus.main()
freshness.main()
sys.exit(politeness.main())
