"""What HTTP clients see: feeds, pages, health."""
