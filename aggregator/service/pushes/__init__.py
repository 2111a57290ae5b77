"""What comes in from the hubs of sources (WebSub)."""
