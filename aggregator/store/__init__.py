"""The database: one public method is one transaction."""
