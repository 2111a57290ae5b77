"""Use cases, each told in order; they see the outside through ports."""
