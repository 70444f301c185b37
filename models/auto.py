"""AutoModel: from an id or a folder to a model that is ready to use."""

from pathlib import Path
from typing import Any

from models.backends import BackendType
from models.catalog import ModelCard
from models.errors import InvalidParameterError, WorkbenchError
from models.negotiation import Candidate, Demands, ModelDescription, negotiate, require_accepted
from models.runtime import check_dtype, describe_runtime, pick_device
from models.targets import find_target, known_cards

__all__ = ["AutoModel", "Candidate", "ModelDescription"]


class AutoModel:
    """The one door to models: list them, describe what would be loaded, load."""

    @staticmethod
    def from_pretrained(
        model_name_or_path: Any,
        *,
        backend: str | BackendType = "auto",
        device: Any = "auto",
        dtype: Any = "auto",
        revision: str | None = None,
        model_dir: str | Path | None = None,
        local_files_only: bool | None = None,
        allow_local_code: bool = False,
        **model_kwargs: Any,
    ) -> Any:
        """Load a model.

        Every file of its package is verified before it is used, and the vectors that were
        recorded with it are compared afterwards. Nothing is fetched from a network.

        Args:
            model_name_or_path: A model id; or a package folder, spelt as a path ("./x", "/x",
                "~/x", or a ``Path``). A folder in the working directory never shadows an id.
            backend: "auto", or the backend to insist on.
            device: "auto" (an accelerator if there is one), "cpu", "cuda", "cuda:1", "mps".
            dtype: Number format to compute in: "auto", "float32", "bfloat16", "float16".
            revision: Insist on this version of the weights; its beginning is enough.
            model_dir: Folder that holds packages as ``<org>/<name>``; for a registered class,
                the folder with its weights.
            local_files_only: Every model of this version is loaded from this machine.
            allow_local_code: Run the code of a package that brings its own.
            **model_kwargs: The model's own options, passed on.

        Returns:
            The model, ready to use; its ``model_id`` and ``revision`` say which one it is.

        Raises:
            ModelNotFoundError: If the id is unknown.
            PackageNotFoundError: If its package is not on this machine.
            CorruptedModelPackageError: If the package is incomplete, or gives other vectors
                than were recorded with it.
            FileHashMismatchError: If a file of it was changed.
            ForbiddenLocalCodePackageAccessError: If it brings its own code without leave.
            NoModelPackagesAvailableError: If nothing fits the demands; it has the reasons.
            ModelPackageAlternativesExhaustedError: If all that fits fails while loading.
            InvalidParameterError: If an option has a value that is not allowed.

        Example:
            >>> model = AutoModel.from_pretrained("workbench/spriteclip-tiny", device="cpu")
            >>> model.embed_text("a red ball").shape[0]
            1
        """
        from models.loading import LoadOptions, load_first

        if local_files_only not in (None, True, False):
            raise InvalidParameterError(f"local_files_only is a bool or None; {local_files_only!r} came.")
        demands = Demands(_backend(backend), str(device), revision, allow_local_code)
        dtype = check_dtype(dtype)
        target = find_target(model_name_or_path, model_dir)
        if target.code is not None:
            target.code.require(allowed=allow_local_code)
        options = LoadOptions(pick_device(device), dtype, model_dir, allow_local_code, model_kwargs)
        candidates = negotiate(target, demands, describe_runtime())
        return load_first(target, require_accepted(target, candidates), options)

    @staticmethod
    def describe(
        model_name_or_path: Any,
        *,
        backend: str | BackendType = "auto",
        device: Any = "auto",
        revision: str | None = None,
        model_dir: str | Path | None = None,
        allow_local_code: bool = False,
    ) -> ModelDescription:
        """Say what ``from_pretrained`` would take, and why not everything else. Loads nothing.

        Args:
            model_name_or_path: As for ``from_pretrained``.
            backend: As for ``from_pretrained``.
            device: As for ``from_pretrained``.
            revision: As for ``from_pretrained``.
            model_dir: As for ``from_pretrained``.
            allow_local_code: As for ``from_pretrained``.

        Returns:
            The card, all candidates with reasons, and the chosen one; shown as tables.

        Raises:
            ModelNotFoundError: If the id is unknown.
            PackageNotFoundError: If a path does not exist.

        Example:
            >>> AutoModel.describe("workbench/spriteclip-tiny").card.architecture
            'spriteclip'
        """
        demands = Demands(_backend(backend), str(device), revision, allow_local_code)
        target = find_target(model_name_or_path, model_dir)
        runtime = describe_runtime()
        candidates = negotiate(target, demands, runtime)
        try:
            chosen, problem = require_accepted(target, candidates)[0], ""
        except WorkbenchError as error:
            chosen, problem = None, str(error)
        return ModelDescription(target.card, candidates, chosen, runtime, problem)

    @staticmethod
    def list_available_models() -> list[ModelCard]:
        """List every model that can be asked for by id. Imports no heavy library.

        Returns:
            Cards: the catalogue, then what was registered in this process.

        Example:
            >>> "workbench/spriteclip-tiny" in [card.model_id for card in AutoModel.list_available_models()]
            True
        """
        return known_cards()


def _backend(backend: str | BackendType) -> BackendType | None:
    """Read the backend that was asked for; None for "auto"."""
    return None if str(backend).strip().lower() == "auto" else BackendType.parse(backend)
