"""The table of families in the README is what registry and catalogue say."""

from itertools import groupby

from models.cards import ModelCard
from models.catalog import CATALOG
from models.registry import REGISTERED_MODELS
from models.reprs import readable_size
from tests.docs.blocks import ROOT

HEADER = "| family | models | embeds | runs on | size |\n| --- | --- | --- | --- | --- |\n"


def row(architecture: str, cards: list[ModelCard]) -> str:
    backends = [key[2].value for key in REGISTERED_MODELS if key[0] == architecture]
    cards = sorted(cards, key=lambda card: card.size_bytes)
    first, last = cards[0], cards[-1]
    count = f"{len(cards)}, e.g. " if len(cards) > 1 else ""
    size = readable_size(first.size_bytes) if first.size_bytes else "comes with the project"
    size += f" to {readable_size(last.size_bytes)}" if len(cards) > 1 else ""
    link = f"[{architecture}](models/families/{architecture}/README.md)"
    embeds = ", ".join(first.modalities)
    return f"| {link} | {count}`{first.model_id}` | {embeds} | {', '.join(backends)} | {size} |\n"


def families_table() -> str:
    groups = groupby(CATALOG.values(), lambda card: card.architecture)
    return HEADER + "".join(row(name, list(cards)) for name, cards in groups)


def test_readme__lists_the_families_of_the_catalogue():
    table = families_table()
    assert table in (ROOT / "README.md").read_text(encoding="utf-8"), f"The README's table must be:\n{table}"


def test_every_family__has_a_readme():
    missing = [card.architecture for card in CATALOG.values()]
    missing = [name for name in missing if not (ROOT / f"models/families/{name}/README.md").is_file()]
    assert not missing
