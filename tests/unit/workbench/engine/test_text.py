import threading

import numpy as np
import pytest

from models.errors import InvalidParameterError
from tests.fakes import MeanColorModel
from workbench.engine.text import check_templates, clean_prompts, embed_prompts
from workbench.errors import ModelOutputError


class Counting(MeanColorModel):
    def __init__(self):
        self.asked = []

    def embed_text(self, texts):
        self.asked += texts
        return super().embed_text(texts)


def test_embed_prompts__each_text_once_per_model():
    model, other = Counting(), Counting()
    first = embed_prompts(model, ["red", "blue", "red"])
    second = embed_prompts(model, ["blue", "green"])
    embed_prompts(other, "blue")
    assert model.asked == ["red", "blue", "green"]
    assert other.asked == ["blue"]
    np.testing.assert_array_equal(first, np.eye(4, dtype=np.float32)[[0, 2, 0]])
    np.testing.assert_array_equal(second[0], first[1])


def test_embed_prompts__changing_the_answer_does_not_change_what_is_kept():
    model = Counting()
    embed_prompts(model, "red")[:] = 0
    assert embed_prompts(model, "red").tolist() == [[1, 0, 0, 0]]


def test_embed_prompts__templates_are_averaged_and_made_unit_again():
    rows = embed_prompts(MeanColorModel(), ["red"], templates=["{}", "a {} or blue one"])
    mixed = np.array([1, 0, 2**-0.5, 0]) + np.array([0, 0, 0, 0])
    by_hand = (np.array([1, 0, 0, 0]) + np.array([2**-0.5, 0, 2**-0.5, 0])) / 2
    np.testing.assert_allclose(rows[0], by_hand / np.linalg.norm(by_hand), atol=1e-6)
    assert not np.allclose(rows[0], mixed)


def test_embed_prompts__a_model_without_text_is_refused():
    class Silent:
        def embed_images(self, images): ...

    with pytest.raises(InvalidParameterError, match="Silent has no embed_text"):
        embed_prompts(Silent(), "red")


def test_embed_prompts__a_row_too_few_is_an_error():
    class Short(MeanColorModel):
        def embed_text(self, texts):
            return super().embed_text(texts)[:-1]

    with pytest.raises(ModelOutputError, match="2 inputs"):
        embed_prompts(Short(), ["red", "blue"])


def test_embed_prompts__no_prompt():
    with pytest.raises(InvalidParameterError, match="no prompt"):
        embed_prompts(MeanColorModel(), [])


def test_embed_prompts__from_many_threads():
    model, answers = Counting(), []
    texts = ["red", "green", "blue", "white"]

    def work():
        answers.extend(embed_prompts(model, [text]) for text in texts * 5)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 120


def test_clean_prompts__a_text_has_one_a_line():
    assert clean_prompts("b\n a \n\nb") == ["b", "a"]
    assert clean_prompts(["", "  ", "x", "x "]) == ["x"]
    assert clean_prompts("") == []


@pytest.mark.parametrize("wrong", [None, 3, [1], {"a": 1}])
def test_clean_prompts__what_is_no_text_is_refused(wrong):
    with pytest.raises(InvalidParameterError, match="list of texts"):
        clean_prompts(wrong)


def test_check_templates__the_template_without_a_place_is_named():
    with pytest.raises(InvalidParameterError, match="'a video'"):
        check_templates(["a {}", "a video"])
    assert check_templates(None) == check_templates("") == ["{}"]
