"""How long something takes, in words."""

DAY = 24 * 3600.0


def in_words(seconds: float) -> str:
    """About how long, in the unit that fits."""
    units = {"year": 365 * DAY, "day": DAY, "hour": 3600.0, "minute": 60.0}
    unit = next((unit for unit, length in units.items() if seconds >= length), "minute")
    count = max(1, round(seconds / units[unit]))
    return f"about {count:,} {unit}{'s' * (count > 1)}"
