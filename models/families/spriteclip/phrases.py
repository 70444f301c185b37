"""Put a scene into words: one plain caption, or endlessly many ways to say all or part of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.families.spriteclip.wording import (
    BACKDROP,
    BACKDROPS,
    BEFORE,
    DOUBLE,
    GO,
    NAMES,
    ON,
    OPENINGS,
    PLAIN_MOTION,
    VERBS,
    WAYS,
)

if TYPE_CHECKING:
    import numpy as np

    from models.families.spriteclip.grammar import Scene, SpriteObject

__all__ = ["Mention", "describe", "draw_mention"]

ATTRIBUTES = ("colour", "shape", "size", "motion")


@dataclass(frozen=True)
class Mention:
    """Which attributes of each object, and whether the background, a caption tells."""

    objects: tuple[frozenset[str], ...]
    background: bool = True


def describe(scene: Scene, rng: np.random.Generator | None = None, mention: Mention | None = None) -> str:
    """Put a scene into words.

    Args:
        scene: What the clip shows.
        rng: Source of wording. None gives the one plain caption of the scene.
        mention: What to tell; None tells everything.

    Returns:
        A caption in lower case without a full stop.

    Example:
        >>> from models.families.spriteclip.grammar import Scene, SpriteObject
        >>> ring = SpriteObject("cyan", "ring", "small", "up")
        >>> describe(Scene((ring,), "noise"))
        'a small cyan ring moving up on a noise background'
        >>> describe(Scene((ring, ring), "stripes"))
        'two small cyan rings moving up on a striped background'
    """
    told = mention or Mention(tuple(frozenset(ATTRIBUTES) for _ in scene.objects))
    if rng is None:
        return _plain(scene, told)
    if rng.random() < 0.07:
        return _keywords(scene, told, rng)
    things = _things(scene, told, rng)
    if not told.background:
        return f"{_pick(OPENINGS, rng)} {things}".strip()
    return _on_backdrop(things, scene.background, rng)


def _on_backdrop(things: str, background: str, rng: np.random.Generator) -> str:
    """Say the things and what is behind them, in one of several orders."""
    backdrop = _backdrop_words(background, rng)
    draw = rng.random()
    if draw < 0.12:
        return f"{_pick(ON[:5], rng)} {backdrop}, {things}"
    if draw < 0.18:
        return f"{things}, {backdrop}"
    if draw < 0.24:
        return f"{things}. the background is {background}"
    return f"{_pick(OPENINGS, rng)} {things} {_pick(ON, rng)} {backdrop}".strip()


def draw_mention(scene: Scene, rng: np.random.Generator) -> Mention:
    """Choose what a caption tells: everything, most of it, or a single attribute.

    Args:
        scene: The scene to caption.
        rng: Source of the choice.

    Returns:
        The choice; alike objects share it.

    Example:
        >>> import numpy as np
        >>> from models.families.spriteclip.grammar import Scene, SpriteObject
        >>> len(draw_mention(Scene((SpriteObject("red", "ring"),)), np.random.default_rng(0)).objects)
        1
    """
    draw = rng.random()
    if draw < 0.4:
        return Mention(tuple(frozenset(ATTRIBUTES) for _ in scene.objects))
    if draw < 0.48 and len(scene.objects) == 1:
        which = int(rng.integers(5))
        single = frozenset(ATTRIBUTES[which : which + 1])
        return Mention((single,), background=which == 4)
    chances = zip(ATTRIBUTES, (0.93, 0.93, 0.55, 0.85), strict=True)
    first = frozenset(name for name, chance in chances if rng.random() < chance) or frozenset({"shape"})
    if len(scene.objects) == 1:
        return Mention((first,), background=rng.random() < 0.6)
    chances = zip(ATTRIBUTES, (0.95, 0.95, 0.5, 0.85), strict=True)
    second = frozenset(name for name, chance in chances if rng.random() < chance) or frozenset({"colour"})
    return Mention((first, first if scene.alike else second), background=rng.random() < 0.55)


def _pick(options: list[str] | str, rng: np.random.Generator) -> str:
    """Choose one of several options; a string holds them between bars."""
    options = options.split("|") if isinstance(options, str) else options
    return options[int(rng.random() * len(options))]


def _name(value: str | None, rng: np.random.Generator) -> str:
    """Choose a word for a colour, shape or size."""
    words = NAMES[value].split() or [""]
    return words[int(rng.random() * len(words))]


def inflect(verb: str, form: str) -> str:
    """Put the first word of a verb phrase into a form: "s", "ing" or "" (as it is).

    Example:
        >>> inflect("get bigger", "ing"), inflect("flash", "s"), inflect("rise", "ing")
        ('getting bigger', 'flashes', 'rising')
    """
    head, _, tail = verb.partition(" ")
    if head == "not":
        return {"s": "does not ", "": "do not ", "ing": "not "}[form] + (
            inflect(tail, "ing") if form == "ing" else tail
        )
    if form == "s":
        head += "es" if head.endswith(("sh", "o", "ss", "x")) else "s"
    elif form == "ing":
        stem = head[:-1] if head.endswith("e") else head + head[-1] * (head in DOUBLE)
        head = stem + "ing"
    return f"{head} {tail}".strip()


def _motion_words(motion: str, form: str, rng: np.random.Generator) -> str:
    """Say a motion as a verb phrase."""
    ways = WAYS.get(motion)
    if ways and (motion not in VERBS or rng.random() < 0.6):
        return f"{inflect(_pick(GO, rng), form)} {_pick(ways, rng)}"
    return inflect(_pick(VERBS[motion], rng), form)


def _noun(item: SpriteObject, told: frozenset[str], rng: np.random.Generator, *, plural: bool) -> str:
    """Say the form of an object, or just "object"."""
    noun = _name(item.shape if "shape" in told else "object", rng)
    if not plural:
        return noun
    noun = "objects" if noun == "something" else noun
    return noun + ("es" if noun.endswith(("ss", "x", "plus")) else "" if noun.endswith("s") else "s")


def _thing(
    item: SpriteObject, told: frozenset[str], rng: np.random.Generator, *, plural: bool = False
) -> str:
    """Say one object (or two alike) with everything that is told about it."""
    before = [_name(getattr(item, name), rng) for name in ("size", "colour") if name in told]
    motion_before = "motion" in told and rng.random() < 0.18
    if motion_before:
        before.append(_pick(BEFORE[item.motion], rng))
    if rng.random() < 0.25:
        rng.shuffle(before)
    after = ""
    if "colour" in told and rng.random() < 0.06:
        before = [word for word in before if NAMES[item.colour].split().count(word) == 0]
        after = (
            f" that is {_name(item.colour, rng)}" if rng.random() < 0.7 else f" in {_name(item.colour, rng)}"
        )
    article = _pick("two|two|two|a pair of|2", rng) if plural else _pick("a|a|a|the|one|", rng)
    noun = _noun(item, told, rng, plural=plural)
    words = " ".join(word for word in [article, *before, noun] if word) + after
    if "motion" not in told or motion_before:
        return words
    draw = rng.random()
    if draw < 0.45:
        return f"{words} {'that is ' if draw < 0.05 else ''}{_motion_words(item.motion, 'ing', rng)}"
    if item.motion == "still" and draw < 0.65:
        return f"{words} that is {_pick(BEFORE['still'], rng)}"
    link = "that " if draw < 0.65 else "which " if draw < 0.68 else ""
    return f"{words} {link}{_motion_words(item.motion, '' if plural else 's', rng)}"


def _things(scene: Scene, told: Mention, rng: np.random.Generator) -> str:
    """Say all objects of a scene."""
    if scene.alike:
        return _thing(scene.objects[0], told.objects[0], rng, plural=True)
    pairs = list(zip(scene.objects, told.objects, strict=True))
    if len(pairs) == 2 and rng.random() < 0.5:
        pairs.reverse()
    parts = [_thing(item, names, rng) for item, names in pairs]
    return _pick([" and ", " and ", " and ", ", ", " with ", " next to ", " while "], rng).join(parts)


def _backdrop_words(background: str, rng: np.random.Generator) -> str:
    """Say the background as a noun phrase."""
    words = _pick(BACKDROPS[background], rng)
    return words.format(a=_pick("a|a|a|the|", rng), b=_pick(BACKDROP, rng)).strip()


def _keywords(scene: Scene, told: Mention, rng: np.random.Generator) -> str:
    """Say a scene as bare keywords, each object's together."""
    groups = []
    for item, names in zip(scene.objects[: 1 if scene.alike else 2], told.objects, strict=False):
        words = [_name(getattr(item, name), rng) for name in ATTRIBUTES[:3] if name in names]
        if "motion" in names:
            words.append(_motion_words(item.motion, _pick("|ing|s", rng), rng))
        rng.shuffle(words)
        groups.append(("two " if scene.alike else "") + " ".join(word for word in words if word))
    if told.background:
        groups.insert(int(rng.integers(len(groups) + 1)), f"{scene.background} {_pick(BACKDROP, rng)}")
    return ", ".join(groups) if len(groups) > 2 or rng.random() < 0.5 else " ".join(groups)


def _plain(scene: Scene, told: Mention) -> str:
    """The one caption without any choice of words."""
    parts = []
    for item, names in zip(scene.objects[: 1 if scene.alike else 2], told.objects, strict=False):
        shape = item.shape if "shape" in names else "object"
        noun = (shape + ("es" if shape == "cross" else "s")) if scene.alike else shape
        adjectives = [getattr(item, name) or "" for name in ("size", "colour") if name in names]
        motion = PLAIN_MOTION[item.motion] if "motion" in names else ""
        words = " ".join(word for word in [*adjectives, noun, motion] if word)
        article = "two" if scene.alike else "an" if words[0] in "aeiou" else "a"
        parts.append(f"{article} {words}")
    background = {"stripes": "striped"}.get(scene.background, scene.background)
    return " and ".join(parts) + (f" on a {background} background" if told.background else "")
