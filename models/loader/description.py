"""What ``AutoModel.describe`` says: the decision and every reason, as data that shows itself."""

from dataclasses import dataclass

from models.cards import ModelCard
from models.loader.negotiation import Candidate, ReasonGroup, group_reasons
from models.reprs import html_table, text_table
from models.runtime import Runtime


@dataclass(frozen=True)
class ModelDescription:
    """What would be loaded for an id, and why everything else would not.

    Args:
        card: The model.
        candidates: All ways considered, the usable ones first, best first.
        chosen: The one that would be taken; None when none can be.
        runtime: The machine this was decided for.
        problem: What is wrong when nothing can be taken.
    """

    card: ModelCard
    candidates: tuple[Candidate, ...]
    chosen: Candidate | None
    runtime: Runtime
    problem: str = ""

    @property
    def turned_down(self) -> tuple[ReasonGroup, ...]:
        """Why candidates were turned down: one group per reason, the most frequent first."""
        return group_reasons(self.candidates)

    @property
    def needs_download(self) -> bool:
        """Whether the chosen package would be fetched from the hub first."""
        return self.chosen is not None and self.chosen.download_bytes is not None

    def rows(self) -> list[tuple[str, str, str]]:
        """The candidates as rows of name, verdict and reasons, for tables."""
        return [
            (
                f"{one.class_name or 'no class'} on {one.backend}"
                + (f", {one.package}" if one.package else ""),
                "taken" if one is self.chosen else "possible" if one.accepted else "turned down",
                " ".join(one.reasons) or f"{one.note}.",
            )
            for one in self.candidates
        ]

    def __str__(self) -> str:
        problem = f"\n{self.problem}" if self.problem else ""
        return f"{self.card}\n{text_table(self.rows())}{problem}"

    def _repr_html_(self) -> str:
        """Card and candidates as two tables."""
        rows = [*self.rows(), *([(self.problem, "", "")] if self.problem else [])]
        return self.card._repr_html_() + html_table(rows, headers=["candidate", "verdict", "why"])
