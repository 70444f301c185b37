"""The errors of the models package: one tree under ``WorkbenchError``.

Every message says what came and what is allowed; ``next_step`` says what to do about it.
Each class below tells when it occurs and how it is mended.
"""

from collections.abc import Mapping, Sequence


class WorkbenchError(Exception):
    """Root of every error this project raises on purpose.

    Occurs: never by itself; catch it to catch all of ours and none of anybody else's.
    What to do: read ``message`` (what happened) and ``next_step`` (what helps).

    Args:
        message: What came and what is allowed, as one or more full sentences.
        next_step: What the reader can do now; empty when the message says it all.

    Example:
        >>> error = WorkbenchError("The folder is empty.", next_step="Put a package in it.")
        >>> str(error), error.next_step
        ('The folder is empty. Put a package in it.', 'Put a package in it.')
    """

    def __init__(self, message: str, *, next_step: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.message} {self.next_step}".strip()


class ModelInputError(WorkbenchError, ValueError):
    """A picture, clip or text that a model cannot take.

    Occurs: grey or RGBA pictures, floats outside 0..1, NaN, empty lists, wrong axes, a path
    where pixels belong.
    What to do: hand over RGB uint8 arrays ``(H, W, 3)`` or ``(T, H, W, 3)``, RGB PIL images,
    CHW tensors; texts are strings with at least one visible character.
    """


class PredictionError(WorkbenchError, ValueError):
    """A prediction whose parts do not fit together.

    Occurs: boxes that are not [N, 4], fewer classes than boxes, a ``pre_process`` that does not
    return the pair (batch, meta).
    What to do: correct the step of the model that the message names.
    """


class InvalidParameterError(WorkbenchError, ValueError):
    """An option with a value or a type that is not among the allowed ones.

    Occurs: an unknown device, a number out of range, a class where a model class belongs.
    What to do: use one of the values that the message lists.
    """


class InvalidTypeError(InvalidParameterError, TypeError):
    """An option that is not even of the right kind.

    Occurs: a handler that cannot be called.
    What to do: hand over what the message asks for.
    """


class EmbeddingSpaceError(WorkbenchError, ValueError):
    """Vectors of two embedding spaces met in one comparison.

    Occurs: vectors of two models, two revisions or two ways of preprocessing are compared.
    What to do: embed both sides with the same model.
    """


class ModelNotFoundError(WorkbenchError):
    """A model id that nobody knows.

    Occurs: the id is neither in the catalogue, nor registered, nor offered by a provider.
    What to do: pick one of ``AutoModel.list_available_models()``; spell a folder as a path
    (``./folder``).
    """


class ModelNotReadyError(WorkbenchError):
    """A model was asked for vectors while its weights are not loaded.

    Occurs: before ``setup()``, or after ``unload()``.
    What to do: call ``model.setup()``, or load it with ``AutoModel.from_pretrained``.
    """


class ModelPackageError(WorkbenchError):
    """Something is wrong with a model package on disk.

    Occurs: through one of its branches: missing, corrupted, or with a changed file.
    What to do: see the branch; putting a fresh copy of the package there always helps.
    """


class PackageNotFoundError(ModelPackageError, FileNotFoundError):
    """A model package is not where it should be.

    Occurs: the folder does not exist, or it is known but was never put on this machine.
    What to do: put the package at the path that the message names, or correct the path.
    """


class CorruptedModelPackageError(ModelPackageError):
    """A model package is incomplete, unreadable or does not do what it recorded.

    Occurs: no manifest or a malformed one, a file missing or cut short, a weights file that
    the manifest does not list, known answers that came out differently.
    What to do: put a fresh copy of the package there; a package of your own gets a new
    manifest from ``models.packages.write_manifest``.
    """


class FileHashMismatchError(ModelPackageError):
    """A file of a model package has the right size but other content.

    Occurs: the sha256 of the file is not the one in the manifest.
    What to do: put a fresh copy of the file there; trust nothing computed with this one.
    """


class UnknownBackendTypeError(WorkbenchError, ValueError):
    """A backend name that does not exist.

    Occurs: ``backend=`` or a manifest names something else than the listed backends.
    What to do: use one of the names in the message; case does not matter.
    """


class ModelPackageNegotiationError(WorkbenchError):
    """The loader could not settle on a package and an implementation.

    Occurs: through its branch ``NoModelPackagesAvailableError``.
    What to do: ask ``AutoModel.describe(id)`` what was considered.
    """


class NoModelPackagesAvailableError(ModelPackageNegotiationError):
    """Every way to run the model here was turned down.

    Occurs: no implementation for the asked backend, a device that this machine lacks, a
    feature of the package that no implementation supports.
    What to do: read ``reasons`` (candidate -> list of reasons) and drop the demand that ruled
    it out.
    """

    def __init__(
        self, message: str, *, next_step: str = "", reasons: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        super().__init__(message, next_step=next_step)
        self.reasons = {name: list(why) for name, why in (reasons or {}).items()}


class ModelLoadingError(WorkbenchError):
    """A model was found but could not be built.

    Occurs: its code raised while it read the package; see also the branches.
    What to do: read the cause, which is chained to this error.
    """


class ModelImplementationNotFoundError(ModelLoadingError):
    """No class stands in the registry for an architecture, task and backend.

    Occurs: a package names an architecture that this installation does not have.
    What to do: ``register_model(architecture, task_type, backend, model_class)``.
    """


class MissingModelInitParameterError(ModelLoadingError, ValueError):
    """A model can be loaded only if something is stated that its files do not say.

    Occurs: a checkpoint file without ``architecture=``.
    What to do: state what the message asks for.
    """


class ForbiddenLocalCodePackageAccessError(ModelLoadingError):
    """A local package brings its own code, and code was not allowed.

    Occurs: the folder has a ``model_config.json`` that names a module to run.
    What to do: read that file; if you trust it, pass ``allow_local_code=True``.
    """


class ModelPackageAlternativesExhaustedError(ModelLoadingError):
    """Every candidate that was accepted failed while loading.

    Occurs: broken weights, missing libraries, too little memory; one error per candidate.
    What to do: read ``alternatives_errors`` (candidate -> exception), the first one first.
    """

    def __init__(
        self,
        message: str,
        *,
        next_step: str = "",
        alternatives_errors: Mapping[str, Exception] | None = None,
    ) -> None:
        super().__init__(message, next_step=next_step)
        self.alternatives_errors = dict(alternatives_errors or {})


class ModelExportError(WorkbenchError):
    """A model could not be written as a package of another backend.

    Occurs: it is of a kind that cannot be exported, or what was exported gives other vectors;
    nothing is left on disk then.
    What to do: read the message; the model itself is unharmed.
    """


class MissingDependencyError(WorkbenchError, ImportError):
    """A library that this call needs is not installed.

    Occurs: an optional extra was not installed.
    What to do: run the ``pip install`` line of the message; ``extra`` names the extra.
    """

    def __init__(self, message: str, *, next_step: str = "", extra: str = "") -> None:
        if extra and not next_step:
            next_step = f"Install it with: pip install 'embedding-workbench[{extra}]'."
        super().__init__(message, next_step=next_step)
        self.extra = extra
