"""What only the FGSM study has in its params.yaml."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, NonNegativeInt, PositiveFloat, field_validator
from typing_extensions import Self

from friendfoe.evaluation.job import Condition
from friendfoe.runtime.strict import Count, Strict
from friendfoe.studies.classes import check_known, each_once, replaced, with_images
from friendfoe.studies.fgsm.names import FILTERS, MEASURED, NEEDED
from friendfoe.studies.job import Counts, WithExplorer
from friendfoe.training.job import Job

Points = Annotated[int, Field(ge=5, le=10_000)]


class Logits(Strict):
    """The logits against eps: drawn far beyond what an image can hold, judged where pixels can be."""

    reach: PositiveFloat = Field(le=1000, description="eps goes from minus this to this")
    points: Points = Field(description="values of eps, zero among them where it is odd")
    near: PositiveFloat = Field(default=1.0, le=1000, description="eps up to which lines are judged")
    near_points: Points = Field(default=41, description="values of eps there, likewise")
    images: Count = Field(description="test images")


class Iterated(Strict):
    """Attacks of many steps: PGD at every share of eps, and AutoAttack as its authors have it at eps."""

    images: Count = Field(description="test images, the classes in proportion")
    steps: Count = Field(default=20, description="of PGD")


class Settings(WithExplorer):
    """What only this study has."""

    needed_models = tuple(NEEDED)
    reserved = MEASURED
    retrained = ("softmax", "maxout")

    shares: list[Annotated[float, Field(ge=0, le=1000)]] = Field(
        min_length=2, max_length=1000, description="of eps: error and confidence are measured at each"
    )
    pair: list[NonNegativeInt] = Field(
        min_length=2, max_length=2, description="classes of logistic regression, by number"
    )
    logits: Logits
    iterated: Iterated
    growth: PositiveFloat = Field(
        le=1000, description="share of eps with which images of several sizes are attacked; at eps all may fall"
    )
    rubbish: Count = Field(description="images of noise")
    gallery: list[NonNegativeInt] = Field(min_length=1, description="classes whose images are shown, by number")

    @field_validator("shares")
    @classmethod
    def _from_clean_to_full(cls, shares: list[float]) -> list[float]:
        if sorted(set(shares)) != shares or shares[0] != 0 or 1 not in shares:
            raise ValueError("must ascend from 0 and hold 1, each share once")
        return shares

    _once = field_validator("pair", "gallery")(each_once("class"))

    def check(self, models: Mapping[str, Job], conditions: Mapping[str, Condition], classes: int | None) -> None:
        """Classes that there are, an ensemble with members, filters where they are shown, and recipes to train by."""
        for name in self.retrained:
            if not models[name].method.trained:
                raise ValueError(
                    f"models.{name}.method: the study trains it again, on other images, so that it cannot be given; "
                    "give yours another name under `models`, and it is attacked beside these"
                )
        check_known("pair", self.pair, classes)
        check_known("gallery", self.gallery, classes)
        if models["ensemble"].network.kind != "ensemble":
            raise ValueError("models.ensemble.network: must be of kind `ensemble`: one of its members is attacked")
        for name in FILTERS:
            if models[name].network.kind == "rbf":
                raise ValueError(f"models.{name}.network: its first layer is shown as filters, and an RBF has none")

    def on_classes(self, train: Counts, test: Counts) -> tuple[Self, list[str]]:
        """A pair of which there are training and test images, and a gallery of classes that have test images."""
        pair, gallery = with_images(self.pair, train, test, least=2), with_images(self.gallery, test)
        notes = replaced("Logistic regression", self.pair, pair, [*test])
        notes += replaced("The gallery", self.gallery, gallery, [*test])
        return self.model_copy(update={"pair": pair, "gallery": gallery}), notes
