"""One step of the schema's history per file."""
