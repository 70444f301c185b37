"""The checks of ``check_model`` on what a model sees: colours, their order, the order of frames.

Whether weights, mean and std are the right ones, only known answers can tell for certain. Without
them there is still evidence: names of colours, and what reaches the network. Where neither says
anything the report says that, too.
"""

from collections.abc import Sequence
from contextlib import suppress
from itertools import permutations
from typing import Any

import numpy as np

from models.checks.contract import SAME, need
from models.checks.pixels import RECIPES, Pixels, pixels_seen, stated_normalisation
from models.checks.probes import (
    HEIGHT,
    WIDTH,
    NotApplicableError,
    Probe,
    Side,
    distance,
    plain_pictures,
)
from models.errors import ModelInputError
from models.known_answers import known_answer_drift, known_answer_frames

_LOW_SAME = 0.02  # in 16 bits two ways to the same row differ by rounding
_COLORS = {
    "red": (255, 0, 0),
    "blue": (0, 0, 255),
    "yellow": (255, 255, 0),
    "cyan": (0, 255, 255),
    "green": (0, 255, 0),
    "magenta": (255, 0, 255),
    "white": (255, 255, 255),
    "black": (0, 0, 0),
}
_TRADED = {"red": "blue", "blue": "red", "yellow": "cyan", "cyan": "yellow"}
_PHRASE = "a {} circle"
_CHANCE = 1e-3  # a text tower that knows no colours would look as if it did this rarely
_CLEAR = 0.9
_MEND = "Hand RGB to the network, as it comes."


def known_answer_problems(probe: Probe) -> list[str]:
    """The vectors recorded with the package come out again."""
    if not probe.sides:
        raise NotApplicableError
    if not probe.known_answers:
        raise NotApplicableError(
            "It has no known answers: random weights, another mean or std and swapped colours cannot be "
            "told for certain from right ones. models.developer_tools.record_known_answers records some."
        )
    drifted = _drift(probe, probe.known_answers)
    probe.answers_hold = not drifted
    return [*drifted, _guess(probe)] if drifted else []


def color_order_problems(probe: Probe) -> list[str]:
    """Nothing shows that red and blue are swapped on their way to the network."""
    side = need(probe.pictures)
    if _swapped_answers(probe):
        return [f"With red and blue swapped it gives the known answers: it swaps these channels. {_MEND}"]
    texts, named = probe.side("texts"), None
    with suppress(ModelInputError):  # some know a few words only and refuse all others
        named = _names_swapped(probe, side, texts) if texts else None
    if named is True:
        return [f"It calls red blue and blue red: the two channels are swapped. {_MEND}"]
    if named is False:
        return []
    pixels = pixels_seen(probe)
    if pixels is None:
        raise _unseen(probe, "Nothing shows in which order the colours reach the network.")
    if pixels.order == "BGR" and str(getattr(probe.model, "channel_order", "RGB")).upper() != "BGR":
        trained = "A network that was trained on BGR says so: channel_order = 'BGR'."
        return [f"BGR reaches the network: red and blue channels are swapped. {_MEND} {trained}"]
    return []


def normalisation_problems(probe: Probe) -> list[str]:
    """The mean and std that are used are those that the package or the model states.

    Known answers do not settle it: a first load may have recorded what a wrong std gave, and a
    network that normalises its inputs itself hides a small difference in their tolerance.
    """
    need(probe.pictures)
    pixels, stated = pixels_seen(probe), stated_normalisation(probe.model)
    if pixels is None:
        raise _unseen(probe, "Nothing shows which mean and std are used.")
    if stated is None:
        return _unstated(probe, pixels)
    where, mean, std = stated
    if pixels.is_close(mean, std) or (pixels.order == "BGR" and pixels.is_close(mean[::-1], std[::-1])):
        return []
    wanted = Pixels(pixels.order, mean, std)
    return [f"The network gets {pixels}; {where} states {wanted}. Use what is stated, or correct it."]


def color_problems(probe: Probe) -> list[str]:
    """Trading red and blue changes the vector."""
    side = need(probe.pictures)
    off = distance(side.together, side.rows([picture[..., ::-1].copy() for picture in side.inputs]))
    return [] if off > _threshold(probe) else ["Red and blue may be traded without any effect."]


def color_names_problems(probe: Probe) -> list[str]:
    """A red disc is nearer to "a red circle" than to "a blue circle", and a blue one the other way round."""
    side, texts = need(probe.pictures), need(probe.side("texts"))
    names = ["red", "blue"]
    words = texts.rows([_PHRASE.format(name) for name in names])
    (red_red, red_blue), (blue_red, blue_blue) = side.rows(_discs(probe, side, names)) @ words.T
    return [] if red_red + blue_blue > red_blue + blue_red else ["It cannot name red and blue."]


def frame_order_problems(probe: Probe) -> list[str]:
    """A clip played backwards has another vector."""
    side = need(probe.side("clips"))
    moving = [known_answer_frames("moving-square", (probe.num_frames, HEIGHT, WIDTH, 3))]
    off = distance(side.rows(moving), side.rows([clip[::-1].copy() for clip in moving]))
    return (
        []
        if off > _threshold(probe)
        else ["The order of frames is ignored: a clip and its reverse get one vector."]
    )


def _drift(probe: Probe, answers: Sequence[Any], *, swapped: bool = False) -> list[str]:
    """Known answers that do not come out."""
    return known_answer_drift(
        probe.model, answers, low_precision=probe.low_precision, swap_red_and_blue=swapped
    )


def _swapped_answers(probe: Probe) -> bool:
    """Tell whether the known answers of pictures come out when red and blue are swapped."""
    pictures = [one for one in probe.known_answers if isinstance(one, dict) and one.get("kind") != "text"]
    off = [one for one in pictures if _drift(probe, [one])]
    return bool(off) and not any(_drift(probe, [one], swapped=True) for one in off)


def _guess(probe: Probe) -> str:
    """Say where to look, by which answers differ."""
    kinds = {answer["kind"] == "text" for answer in probe.known_answers}
    off = {answer["kind"] == "text" for answer in probe.known_answers if _drift(probe, [answer])}
    if kinds == {True, False} and off == {True}:
        return "Only texts differ: look at the tokenizer, its padding and the text tower."
    if kinds == {True, False} and off == {False}:
        return "Only pictures differ: look at mean, std, size and channels, then at the image tower."
    if kinds == {True, False}:
        return "Texts and pictures differ: the weights are others, random ones or another checkpoint's."
    return "The weights are others (random?), or the preprocessing is: mean, std, size, channels."


def _threshold(probe: Probe) -> float:
    """How far two rows must lie apart to count as different."""
    return _LOW_SAME if probe.low_precision else SAME


def _unseen(probe: Probe, what: str) -> NotApplicableError:
    """Say that nothing was seen, unless known answers came out: then nothing is open."""
    return NotApplicableError() if probe.answers_hold else NotApplicableError(what)


def _unstated(probe: Probe, pixels: Pixels) -> list[str]:
    """Judge a normalisation that nothing states: only a usual one with its colours turned round is wrong."""
    backwards = pixels.mean[::-1], pixels.std[::-1]
    for name, (mean, std) in RECIPES.items():
        lopsided = max(mean) - min(mean) > 0.03
        if lopsided and pixels.order == "RGB" and Pixels("", *backwards).is_close(mean, std):
            return [
                f"The network gets {pixels}: the values of {name}, in the order B, G, R. Turn them round."
            ]
    known = f", the values of {pixels.recipe}" if pixels.recipe else ""
    raise _unseen(
        probe,
        f"The network gets {pixels}{known}; no known answers and no preprocessor_config.json say "
        "whether that is right.",
    )


def _names_swapped(probe: Probe, side: Side, texts: Side) -> bool | None:
    """Tell by the names of colours whether red and blue are swapped; None when it knows no colours.

    The names are shuffled in all ways: a model that knows colours does best with the right one,
    or, with red and blue swapped, with the swapped one.
    """
    nonsense = texts.rows([_PHRASE.format("qzxv")])
    words = texts.rows([_PHRASE.format(name) for name in _COLORS])
    apart = np.linalg.norm(words - nonsense, axis=1)
    known = [name for name, off in zip(_COLORS, apart, strict=True) if off > _threshold(probe)]
    if not {"red", "blue"} <= set(known) or len(known) < 3:
        return None
    pictures = _spread(side.rows(_discs(probe, side, known)))
    names = _spread(words[[list(_COLORS).index(name) for name in known]])
    cosines = pictures @ names.T
    if _stands_out(cosines, list(range(len(known)))):
        return False
    partners = [_TRADED.get(name, name) for name in known]
    if not set(partners) <= set(known):
        return None
    return True if _stands_out(cosines, [known.index(name) for name in partners]) else None


def _stands_out(cosines: np.ndarray, order: list[int]) -> bool:
    """Tell whether one way to name the colours is far better than chance."""
    places = np.arange(len(order))
    if cosines[places, order].min() >= _CLEAR:
        return True
    shuffles = np.array(list(permutations(range(len(order)))))
    sums = cosines[places, shuffles].sum(axis=1)
    return bool((sums >= cosines[places, order].sum() - 1e-9).mean() <= _CHANCE)


def _discs(probe: Probe, side: Side, names: Sequence[str]) -> list[np.ndarray]:
    """Pictures of a disc in each colour before grey."""
    rows, columns = np.ogrid[:HEIGHT, :WIDTH]
    inside = (rows - HEIGHT / 2) ** 2 + (columns - WIDTH / 2) ** 2 < (HEIGHT / 3) ** 2
    pictures = plain_pictures(side, probe.num_frames, [(128, 128, 128)] * len(names))
    for picture, name in zip(pictures, names, strict=True):
        picture[..., inside, :] = _COLORS[name]
    return pictures


def _spread(rows: np.ndarray) -> np.ndarray:
    """Directions from the middle of some rows."""
    centred = rows - rows.mean(axis=0)
    return centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)
