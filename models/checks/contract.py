"""The checks of ``check_model`` on rows of vectors: each takes a probe and returns the problems it saw.

An empty list means that the check holds. For a property the "problem" says what is not so.
"""

import inspect
from pathlib import PurePath

import numpy as np

from models.base import ModelInterface, model_ids
from models.checks.memory import networks
from models.checks.probes import LONG_TEXT, NotApplicableError, Probe, Side, distance
from models.errors import ModelInputError

UNIT_TOLERANCE, LOW_UNIT_TOLERANCE = 1e-3, 5e-3
SAME = 1e-4  # two rows closer than this are the same vector
MANY = 33  # one more than the batch sizes that models cut their inputs into
_BIG = {"texts": 4 * 2**30, "images": 2**30, "clips": 2**27}  # weights above this are spared the many
_NO_MODELS = (str, bytes, int, float, list, tuple, dict, type(None), PurePath)
_TRAINING = " The network is in training mode (dropout, batch norm): call eval() in setup()."


def ids_problems(probe: Probe) -> list[str]:
    """It is a model at all, and its ids can be read and are strings."""
    model = probe.model
    if inspect.isclass(model):
        return [f"This is the class {model.__name__}: pass a loaded model of it."]
    if isinstance(model, _NO_MODELS):
        return [f"{model!r:.60} is no model: AutoModel.from_pretrained(...) loads one."]
    model_ids(model)
    return []


def abilities_problems(probe: Probe) -> list[str]:
    """It embeds images, clips or texts."""
    if probe.sides:
        return []
    model = probe.model
    kinds = [kind for kind in type(model).__mro__ if kind.__module__.startswith("models.")]
    kinds = [kind for kind in kinds if kind is not ModelInterface]
    what = f"It is of the kind {kinds[0].__name__}" if kinds else "It embeds no images, clips or texts"
    return [f"{what}: check_model looks at embedding models, so beyond its ids nothing was checked."]


def shape_problems(probe: Probe) -> list[str]:
    """One row of D numbers per input, the same D everywhere, as the model states it."""
    problems, dims = [], {}
    for side in sides_of(probe):
        shape = tuple(side.answer.shape)
        if len(shape) != 2 or shape[0] != len(side.inputs):
            problems.append(f"{side.name}: {len(side.inputs)} inputs gave shape {shape}, not [N, D].")
        else:
            dims[side.name] = shape[1]
    stated = getattr(probe.model, "embedding_dim", None)
    if isinstance(stated, int):
        dims["embedding_dim"] = stated
    if len(set(dims.values())) > 1:
        problems.append("D differs: " + ", ".join(f"{name} {dim}" for name, dim in dims.items()) + ".")
    return problems


def dtype_problems(probe: Probe) -> list[str]:
    """Vectors are torch tensors of float32."""
    problems = []
    for side in sides_of(probe):
        rows = side.answer
        found = f"{type(rows).__module__.partition('.')[0]} {getattr(rows, 'dtype', type(rows).__name__)}"
        if found != "torch torch.float32":
            problems.append(f"{side.name}: {found} came, a float32 tensor is expected.")
    return [*problems, "Return models.base.unit_rows(vectors)."] if problems else []


def unit_problems(probe: Probe) -> list[str]:
    """Rows are finite and of length 1."""
    problems = []
    allowed = LOW_UNIT_TOLERANCE if probe.low_precision else UNIT_TOLERANCE
    for side in sides_of(probe):
        lengths = np.linalg.norm(np.concatenate([side.together, side.alone]), axis=1)
        off = np.abs(lengths - 1.0).max()
        if not off <= allowed:
            problems.append(f"{side.name}: lengths are {lengths.min():.4g} to {lengths.max():.4g}, not 1.")
    return [*problems, "Return models.base.unit_rows(vectors)."] if problems else []


def inputs_matter_problems(probe: Probe) -> list[str]:
    """Different inputs get different vectors."""
    return [
        f"{side.name}: {len(side.inputs)} different inputs got one vector."
        for side in sides_of(probe)
        if np.ptp(side.together, axis=0).max() <= SAME
    ]


def order_problems(probe: Probe) -> list[str]:
    """Row i belongs to input i."""
    problems = []
    for side in sides_of(probe):
        turned = side.rows(side.inputs[::-1])[::-1]
        for name, other in (("turned round", turned), ("one by one", side.alone)):
            if _traded(side.together, other, probe.tolerance):
                problems.append(f"{side.name}: rows are not in the order of the inputs ({name}).")
                break
    return problems


def batch_problems(probe: Probe) -> list[str]:
    """A vector does not depend on what is embedded beside it, nor on how much."""
    problems = []
    for side in sides_of(probe):
        off = distance(side.together, side.alone)
        if not off <= probe.tolerance and not _traded(side.together, side.alone, probe.tolerance):
            problems.append(f"{side.name}: alone and in a batch differ by {off:.2g}.")
        elif probe.weights <= _BIG[side.name]:
            problems += _many_problems(probe, side)
    return [" ".join(problems) + _training_hint(probe)] if problems else []


def padding_problems(probe: Probe) -> list[str]:
    """A short text keeps its vector beside a long one."""
    side = need(probe.side("texts"))
    short = side.inputs[0]
    beside = _beside_long(side, short)
    off = max(distance(side.alone[:1], beside[:1]), distance(side.alone[:1], beside[-1:]))
    if off <= probe.tolerance:
        return []
    return [f"Beside a long text it moves by {off:.2g}: padding leaks in. Mask it in the text tower."]


def repeat_problems(probe: Probe) -> list[str]:
    """The same input gives the same vector again."""
    problems, allowed = [], SAME if str(getattr(probe.model, "device", "cpu")) == "cpu" else probe.tolerance
    for side in sides_of(probe):
        off = distance(side.together, side.rows())
        if not off <= allowed:
            problems.append(f"{side.name}: two runs differ by {off:.2g}.")
            probe.tolerance = max(probe.tolerance, 3 * off) if np.isfinite(off) else probe.tolerance
    return [" ".join(problems) + _training_hint(probe)] if problems else []


def sides_of(probe: Probe) -> tuple[Side, ...]:
    """All sides; without any there is nothing to check."""
    if not probe.sides:
        raise NotApplicableError
    return probe.sides


def need(side: Side | None) -> Side:
    """A side that the check cannot do without."""
    if side is None:
        raise NotApplicableError
    return side


def _traded(rows: np.ndarray, others: np.ndarray, tolerance: float) -> bool:
    """Tell whether rows belong to other inputs than their own."""
    if rows.shape != others.shape or distance(rows, others) <= tolerance:
        return False
    apart = np.linalg.norm(rows[:, None] - others[None], axis=2)
    own = apart.diagonal()
    wrong = own > tolerance
    return bool((apart.min(axis=1)[wrong] < 0.1 * own[wrong]).all() and wrong.any())


def _many_problems(probe: Probe, side: Side) -> list[str]:
    """Many inputs in one call: none is lost, none changes."""
    count = len(side.inputs)
    rows = side.rows([side.inputs[i % count] for i in range(MANY)])
    if len(rows) != MANY:
        return [f"{side.name}: {MANY} inputs in one call gave {len(rows)} rows."]
    off = distance(rows, side.alone[np.arange(MANY) % count])
    return [] if off <= probe.tolerance else [f"{side.name}: alone and among {MANY} differ by {off:.2g}."]


def _beside_long(side: Side, short: str) -> np.ndarray:
    """Embed a text before and behind a long one; one that a model refuses as too long is shortened."""
    words = LONG_TEXT.split()
    for count in (len(words), 12):
        try:
            return side.rows([short, " ".join(words[:count]), short])
        except ModelInputError:
            continue
    return side.rows([short, " ".join(words[:7]), short])


def _training_hint(probe: Probe) -> str:
    """Point to layers that were left in training mode, the usual reason."""
    names = [type(module).__name__.lower() for module in networks(probe.model) if module.training]
    return _TRAINING if any("dropout" in name or "batchnorm" in name for name in names) else ""
