import pytest

from tests.fakes import MeanColorModel
from tests.unit.workbench.engine.fake_clips import FakeClip, colourful
from workbench.engine.embed import embed
from workbench.engine.plan import EmbedPlan, plan_embed
from workbench.engine.store import MemoryStore
from workbench.errors import NothingToEmbedError


class Card:
    num_frames = 8
    model_id = "me/m"


def test_plan_embed__images_count_as_one_frame():
    plan = plan_embed(Card(), [*colourful(24), *[FakeClip(f"i{i}", kind="image") for i in range(12)]])
    assert plan.text == "24 clips x 8 frames + 12 images"
    assert plan.total == 36
    assert plan.total_frames == 204


@pytest.mark.parametrize(
    ("plan", "text"),
    [
        (EmbedPlan(24, 0, 8), "24 clips x 8 frames"),
        (EmbedPlan(1, 0, 1), "1 clip x 1 frame"),
        (EmbedPlan(0, 1, 8), "1 image"),
        (EmbedPlan(2000, 0, 8, reused=1500), "2,000 clips x 8 frames (1,500 already embedded)"),
    ],
)
def test_text__reads_well(plan, text):
    assert plan.text == text


def test_plan_embed__counts_what_the_store_has_and_decodes_nothing():
    store, clips, model = MemoryStore(), colourful(5), MeanColorModel()
    embed(model, clips[:3], store=store)
    assert plan_embed(model, clips, store=store).reused == 3
    assert plan_embed(model, clips, 7, store=store).reused == 0
    assert plan_embed(Card(), clips, store=store).reused == 0
    assert clips[4].calls["frames"] == 0


def test_plan_embed__no_clips():
    with pytest.raises(NothingToEmbedError):
        plan_embed(Card(), [])
