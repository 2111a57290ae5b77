"""python -m benchmarks: every benchmark, one after the other."""

import sys

from benchmarks import corpus, freshness, politeness, stories

corpus.main()
freshness.main()
stories.main()
sys.exit(politeness.main())
