"""InternVideo2 Stage2: clips, images and texts in one space, and the reference class's interface."""

from typing import TYPE_CHECKING

from models.lazy import lazy_exports

if TYPE_CHECKING:
    from models.families.internvideo2.model import (
        BERT_MODEL_ID,
        BERT_MODEL_REVISION,
        BERT_MODEL_REVISION_FULL,
        INTERNVIDEO2_MODEL_FILE,
        INTERNVIDEO2_MODEL_ID,
        INTERNVIDEO2_MODEL_REVISION,
        INTERNVIDEO2_MODEL_REVISION_FULL,
        InternVideo2MultiModality,
    )
    from models.families.internvideo2.tiny import make_tiny_package
    from models.families.internvideo2.wrapper import (
        _create_config,
        _InternVideo2Stage2Wrapper,
        _setup_internvideo2,
    )

_HOME = f"{__name__}.model"
_EXPORTS = {
    "BERT_MODEL_ID": _HOME,
    "BERT_MODEL_REVISION": _HOME,
    "BERT_MODEL_REVISION_FULL": _HOME,
    "INTERNVIDEO2_MODEL_FILE": _HOME,
    "INTERNVIDEO2_MODEL_ID": _HOME,
    "INTERNVIDEO2_MODEL_REVISION": _HOME,
    "INTERNVIDEO2_MODEL_REVISION_FULL": _HOME,
    "InternVideo2MultiModality": _HOME,
    "_InternVideo2Stage2Wrapper": _HOME,
    "_create_config": _HOME,
    "_setup_internvideo2": _HOME,
    "make_tiny_package": f"{__name__}.tiny",
}

__all__ = [
    "BERT_MODEL_ID",
    "BERT_MODEL_REVISION",
    "BERT_MODEL_REVISION_FULL",
    "INTERNVIDEO2_MODEL_FILE",
    "INTERNVIDEO2_MODEL_ID",
    "INTERNVIDEO2_MODEL_REVISION",
    "INTERNVIDEO2_MODEL_REVISION_FULL",
    "InternVideo2MultiModality",
    "_InternVideo2Stage2Wrapper",
    "_create_config",
    "_setup_internvideo2",
    "make_tiny_package",
]

__getattr__, __dir__ = lazy_exports(__name__, _EXPORTS)
