"""Where the published weights are: ids, revisions and file names, and where they lie on disk."""

from typing import Final

__all__ = [
    "BERT_MODEL_ID",
    "BERT_MODEL_REVISION",
    "BERT_MODEL_REVISION_FULL",
    "INTERNVIDEO2_MODEL_FILE",
    "INTERNVIDEO2_MODEL_ID",
    "INTERNVIDEO2_MODEL_REVISION",
    "INTERNVIDEO2_MODEL_REVISION_FULL",
    "ModelIds",
]

INTERNVIDEO2_MODEL_ID: Final = "OpenGVLab/InternVideo2-Stage2_1B-224p-f4"
INTERNVIDEO2_MODEL_FILE: Final = "InternVideo2-stage2_1b-224p-f4.pt"
INTERNVIDEO2_MODEL_REVISION: Final = "4362e1f"
INTERNVIDEO2_MODEL_REVISION_FULL: Final = "4362e1f88a992e7edbfd7696f7f78b7f79426dfd"
BERT_MODEL_ID: Final = "google-bert/bert-large-uncased"
BERT_MODEL_REVISION: Final = "6da4b6a"
BERT_MODEL_REVISION_FULL: Final = "6da4b6a26a1877e173fca3225479512db81a5e5b"


class ModelIds(list[str]):
    """A list of ids that may also be called: ``model.model_id_names`` and ``model.model_id_names()``.

    Example:
        >>> ids = ModelIds(["me/m"])
        >>> ids == ids() == ["me/m"]
        True
    """

    def __call__(self) -> list[str]:
        """Give the ids as a plain list."""
        return list(self)
