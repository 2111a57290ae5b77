"""What goes out to those who asked to be told: a hub of our own, another hub, webhooks."""
