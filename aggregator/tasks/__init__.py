"""What goes on side by side: how it is handed out, and how it ends. It knows nothing of feeds."""
