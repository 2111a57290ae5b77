"""python -m benchmarks: every benchmark, one after the other."""

import sys

from benchmarks import corpus, freshness, politeness, sick_hosts

corpus.main()
freshness.main()
sys.exit(max(politeness.main(), sick_hosts.main()))
