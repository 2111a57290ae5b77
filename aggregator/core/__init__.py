"""Pure rules: values in, decisions out. Standard library only; no I/O, clock, chance or logging."""
