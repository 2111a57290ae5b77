"""Publications as Atom and RSS: feedgen, and what it leaves out or gets wrong."""
