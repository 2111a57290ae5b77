"""aggregator that trusts one more authority: python -m benchmarks.poll_daemon … ROOT

For a run over TLS on loopback; ROOT names the certificate, and nothing else is changed.
"""

import sys

from aggregator.cli.main import app
from benchmarks.origin import allow_many_files
from benchmarks.poll_service import trust

if __name__ == "__main__":
    allow_many_files()
    trust(sys.argv.pop())
    app()
