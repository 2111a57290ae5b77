"""Reads documents in worker processes that have limits on memory, CPU and time."""
