"""Find clips by words: rank them for prompts, or give them labels."""

from collections.abc import Sequence
from typing import Any

from workbench.analysis.ranking import probabilities, score_prompts
from workbench.analysis.results import Classification, Ranking
from workbench.engine.adapter import AdaptedModel, adapt, load_if_named
from workbench.engine.embed import embed
from workbench.engine.embeddings import Embeddings
from workbench.engine.store import VectorStore
from workbench.engine.text import check_templates, clean_prompts, embed_prompts
from workbench.errors import EmbeddingSpaceError, NothingToRankError

Texts = str | Sequence[str]


def rank(
    model: Any,
    clips_or_embeddings: Any,
    prompts: Texts,
    *,
    templates: Texts | None = None,
    negatives: Texts | None = None,
    store: VectorStore | None = None,
    progress: bool = True,
) -> Ranking:
    """Rank clips by how well they fit prompts.

    Args:
        model: A model that knows text, or the id of one, which is then loaded.
        clips_or_embeddings: Embeddings of this model; or clips, or anything ``load_clips``
            takes, which are then embedded.
        prompts: One prompt, several in a list, or a text with one a line. Blank and repeated
            ones are dropped.
        templates: Texts with ``{}`` for the prompt, such as "a video of {}"; several are averaged.
        negatives: What should not be found, such as "an empty background": a clip's highest
            similarity with any of them is subtracted from its scores. ``score_prompts`` has
            the formula and where it comes from.
        store: As for ``embed``.
        progress: As for ``embed``.

    Returns:
        The scores (prompts x clips) with ``top``, ``to_frame`` and ``heatmap``.

    Raises:
        NothingToRankError: If there is no prompt, or no clip with a vector.
        EmbeddingSpaceError: If the embeddings come from another model.
        InvalidParameterError: If a template lacks ``{}``, or the model has no text side.

    Example:
        >>> import workbench
        >>> from models import AutoModel
        >>> model = AutoModel.from_pretrained("workbench/spriteclip-tiny")
        >>> ranking = rank(model, workbench.sample_clips(), ["red star", "blue ring"], progress=False)
        >>> ranking.scores.shape == (2, len(workbench.sample_clips()))
        True
    """
    adapted, wanted = _loaded(model), _wanted(prompts, "prompt")
    unwanted = clean_prompts(negatives or [])
    frames = check_templates(templates)
    prompt_vectors = embed_prompts(adapted.model, wanted, templates=frames)
    negative_vectors = embed_prompts(adapted.model, unwanted, templates=frames) if unwanted else None
    embeddings = _embedded(adapted, clips_or_embeddings, store=store, progress=progress)
    scores = score_prompts(embeddings.vectors, prompt_vectors, negative_vectors)
    return Ranking(
        scores,
        wanted,
        embeddings.keys,
        paths=embeddings.paths,
        space=embeddings.space,
        negatives=unwanted,
        templates=[] if templates is None else frames,
        unknown_words=unknown_words(adapted.model, [*wanted, *unwanted]),
        skipped=embeddings.skipped,
        clips=embeddings.clips,
    )


def classify(
    model: Any,
    clips_or_embeddings: Any,
    labels: Texts,
    *,
    templates: Texts | None = None,
    store: VectorStore | None = None,
    progress: bool = True,
) -> Classification:
    """Give each clip a probability for each label.

    Args:
        model: As for ``rank``.
        clips_or_embeddings: As for ``rank``.
        labels: As the prompts of ``rank``.
        templates: As for ``rank``.
        store: As for ``embed``.
        progress: As for ``embed``.

    Returns:
        Probabilities (clips x labels): a softmax over the labels of the model's logit scale times
        the cosine; for models with ``score_kind`` "sigmoid" one sigmoid each, of scale times cosine
        plus bias.

    Raises:
        NothingToRankError: If there is no label, or no clip with a vector.
        EmbeddingSpaceError: If the embeddings come from another model.
        InvalidParameterError: If a template lacks ``{}``, or the model has no text side.

    Example:
        >>> import workbench
        >>> from models import AutoModel
        >>> model = AutoModel.from_pretrained("workbench/spriteclip-tiny")
        >>> result = classify(model, workbench.sample_clips(), ["star", "ring"], progress=False)
        >>> bool(abs(result.probabilities.sum(axis=1) - 1).max() < 1e-6)
        True
    """
    adapted, wanted = _loaded(model), _wanted(labels, "label")
    frames = check_templates(templates)
    label_vectors = embed_prompts(adapted.model, wanted, templates=frames)
    embeddings = _embedded(adapted, clips_or_embeddings, store=store, progress=progress)
    scores = score_prompts(embeddings.vectors, label_vectors)
    return Classification(
        probabilities(scores, kind=adapted.score_kind, scale=adapted.logit_scale, bias=adapted.logit_bias),
        wanted,
        embeddings.keys,
        kind=adapted.score_kind,
        paths=embeddings.paths,
        space=embeddings.space,
        templates=[] if templates is None else frames,
        unknown_words=unknown_words(adapted.model, wanted),
        skipped=embeddings.skipped,
        clips=embeddings.clips,
    )


def unknown_words(model: Any, texts: Sequence[str]) -> dict[str, list[str]]:
    """Ask a model which words of each text it does not know.

    Args:
        model: Any model; one without ``unknown_words`` is taken to know every word.
        texts: Prompts.

    Returns:
        The unknown words by text; texts without any are left out.
    """
    own = getattr(model, "unknown_words", None)
    if not callable(own):
        return {}
    found = {text: list(own(text)) for text in texts}
    return {text: words for text, words in found.items() if words}


def _loaded(model: Any) -> AdaptedModel:
    """The engine's view of a model, or of the model with that id."""
    return adapt(load_if_named(model))


def _wanted(texts: Texts, word: str) -> list[str]:
    """Read prompts or labels, at least one."""
    wanted = clean_prompts(texts)
    if not wanted:
        raise NothingToRankError(
            f"There is no {word}.", next_step=f"Give at least one {word} that is not blank."
        )
    return wanted


def _embedded(
    model: AdaptedModel, clips_or_embeddings: Any, *, store: VectorStore | None, progress: bool
) -> Embeddings:
    """Take embeddings of this model, or make them; at least one row."""
    given = isinstance(clips_or_embeddings, Embeddings)
    embeddings = (
        clips_or_embeddings
        if given
        else embed(model.model, clips_or_embeddings, store=store, progress=progress)
    )
    if given and not embeddings.space.same_model(model.space()):
        raise EmbeddingSpaceError(
            f"The embeddings come from {_named(embeddings.space)}, the prompts would come from "
            f"{_named(model.space())}; their vectors cannot be compared.",
            next_step="Rank with the model that embedded the clips, or embed them again.",
        )
    if len(embeddings) == 0:
        first = embeddings.skipped[0] if embeddings.skipped else None
        why = f" {len(embeddings.skipped)} were skipped, first {first.key}: {first.reason}" if first else ""
        raise NothingToRankError(f"No clip has a vector.{why}")
    return embeddings


def _named(space: Any) -> str:
    """Name a model with its revision and preprocessing."""
    details = ", ".join(filter(None, (space.revision, space.preprocessing)))
    return f"{space.model_id} ({details})" if details else space.model_id
