"""Two runs beside each other: which numbers of their reports are further apart than chance brings them."""
