"""What every source's settings have in common."""

from pathlib import Path

from pydantic import Field, PositiveInt

from friendfoe.data.sources.raw import Raw
from friendfoe.runtime.kinds import Kind


class SourceConfig(Kind):
    """Where a data set comes from."""

    tag = "kind"
    package = "friendfoe.data.sources"

    limit: PositiveInt | None = Field(
        default=None, description="use only so many images of each split, with the classes in proportion"
    )

    def read(self, data_root: Path) -> Raw:
        """The data set as it is there, without regard to `limit`.

        Args:
            data_root: where raw files are found or downloaded to, and where relative paths start.

        Raises:
            UserError: missing, damaged or inconsistent raw data.
        """
        raise NotImplementedError
