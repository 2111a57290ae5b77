"""A self-hosted feed aggregator: polls many sources, publishes them merged."""

__version__ = "0.1.0"
