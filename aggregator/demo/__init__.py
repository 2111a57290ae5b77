"""Sample sources on loopback, so that the daemon has something to show without a network."""
