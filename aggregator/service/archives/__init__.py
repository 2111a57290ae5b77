"""Everything for a reader who comes rarely: pages and archives of feeds (RFC 5005)."""
