"""The schema's history: each file of `versions` is one step, and none changes once released."""
