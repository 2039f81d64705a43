"""Where images come from, and the prepared form that everything else reads."""
