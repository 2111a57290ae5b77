"""Bytes to model and back: feedparser, feedgen, JSON Feed, HTML. No I/O."""
