"""One file per family of sources: its settings, and how they are read."""
