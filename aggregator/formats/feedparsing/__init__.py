"""feedparser as we use it: what ours does otherwise, and the same result for less."""
