"""How much memory there is, for what would ask for too much of it at once."""

import os
from collections.abc import Iterator
from pathlib import Path

_SYSTEM = Path("/proc/meminfo")
_CONTAINER = Path("/sys/fs/cgroup")


def available() -> int:
    """Bytes that may still be used: the least of what the system has, the container and the process may have."""
    return min(_limits())


def _limits() -> Iterator[int]:
    yield os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:  # each of these is there on Linux alone, the second in a container alone
        fields = dict(line.split(":") for line in _SYSTEM.read_text().splitlines())
        yield int(fields["MemAvailable"].split()[0]) << 10
        used = int((_CONTAINER / "memory.current").read_text())
        cached = dict(line.split() for line in (_CONTAINER / "memory.stat").read_text().splitlines())["inactive_file"]
        yield int((_CONTAINER / "memory.max").read_text()) - used + int(cached)
    except (OSError, ValueError, KeyError):  # "max" is no number either
        pass
    try:
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if limit != resource.RLIM_INFINITY:
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            yield limit - pages * os.sysconf("SC_PAGE_SIZE")
    except (ImportError, OSError, ValueError):
        pass
