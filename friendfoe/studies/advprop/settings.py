"""What only the AdvProp study has in its params.yaml."""

from collections.abc import Mapping

from pydantic import Field, field_validator

from friendfoe.evaluation.job import Condition
from friendfoe.runtime.strict import nearest
from friendfoe.studies.advprop.names import ADVPROP, ATTACKERS, BENCHMARKS, METHODS
from friendfoe.studies.job import WithExplorer
from friendfoe.training.job import Job, Name


class Settings(WithExplorer):
    """What only this study has."""

    needed_models = (*METHODS, ATTACKERS)
    analysis_reads = frozenset({"inner_attack", "sizes"})

    benchmarks: dict[Name, list[Name]] = Field(
        default={}, description="data set -> published benchmarks of its classes; those that the user has are evaluated"
    )

    @field_validator("benchmarks")
    @classmethod
    def _known(cls, benchmarks: dict[str, list[str]]) -> dict[str, list[str]]:
        for name in (name for names in benchmarks.values() for name in names):
            if name not in BENCHMARKS:
                raise ValueError(f"there is no benchmark '{name}'; {nearest(name, list(BENCHMARKS))}")
        return benchmarks

    def check(self, models: Mapping[str, Job], conditions: Mapping[str, Condition], classes: int | None) -> None:
        """Every method at every size, and one against attackers of other strength at one of them."""
        for name, model in models.items():
            if not model.method.trained:
                if name in self.needed_models:
                    raise ValueError(
                        f"models.{name}.method: it is trained at every size, so that it cannot be given; give yours "
                        "another name under `models`, and its corruption errors stand beside these"
                    )
                continue
            sweep = getattr(model.method, "sweep", None)
            if (name == ATTACKERS) != (sweep is not None):
                raise ValueError(f"models.{name}.sweep: {ATTACKERS} has one, and no other model")
            if name != ATTACKERS and not model.variants:
                raise ValueError(f"models.{name}: there are no network sizes to compare; name some under `sizes`")
        attacked = next(iter(models[ATTACKERS].variants.values()))
        known = [(size.network, size.training) for size in models[ADVPROP].variants.values()]
        if (attacked.network, attacked.training) not in known:
            raise ValueError(
                f"models.{ATTACKERS}: its network and budget are those of none of the `sizes`, and the methods that it "
                "is compared with have no other; name the network of one of them as `network`"
            )
