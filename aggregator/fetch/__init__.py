"""The wire: one conditional GET, bounded in time and bytes, through one guarded way out."""
