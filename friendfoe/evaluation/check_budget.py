"""What the gradient-masking checks may cost: images, steps, restarts, queries."""

from pydantic import Field, model_validator
from typing_extensions import Self

from friendfoe.runtime.strict import Count, Strict


class CheckBudget(Strict):
    """The defaults are for small networks; a claim about large ones needs more of all."""

    images: Count = Field(default=100, description="test images, at most; they are among those that the study attacks")
    replicates: Count | None = Field(default=None, description="how many are checked, from the first; null: all")
    steps: Count = Field(default=20, ge=5, description="of the PGD that all else is compared with")
    more_steps: Count = Field(default=100, description="of the longer one; more than `steps`")
    restarts: Count = Field(default=5, description="random starting points of the repeated one")
    targets: Count = Field(default=3, description="rival classes of targeted APGD, the likeliest first")
    queries: Count = Field(default=200, description="of Square")
    margin: float = Field(
        default=0.02, ge=0, lt=1, description="share of the images by which a weaker attack may be the stronger one"
    )

    @model_validator(mode="after")
    def _longer(self) -> Self:
        if self.more_steps <= self.steps:
            raise ValueError(f"more_steps: {self.more_steps}: must be more than steps, {self.steps}")
        return self

    @property
    def passes(self) -> int:
        """How often about an image passes through the model, if it withstands all."""
        each = 4 + 1 + 1 + 2 + 1 + self.restarts + self.targets + 1 + 1 + 1  # of `steps`; the last is the transfer
        return self.steps * each + self.more_steps + self.queries
