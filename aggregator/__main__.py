"""python -m aggregator"""

from aggregator.cli.main import app

app()
