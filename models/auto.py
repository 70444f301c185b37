"""AutoModel: from an id or a folder to a model that is ready to use."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.backends import BackendType
from models.cards import ModelCard
from models.errors import WorkbenchError
from models.loader.targets import Stated, find_target, known_cards

if TYPE_CHECKING:
    from models.loader.description import ModelDescription

__all__ = ["AutoModel"]

# Listing the models takes nothing but their cards: what decides and loads is imported when it is used.


class AutoModel:
    """The one door to models: list them, describe what would be loaded, load.

    It keeps no model: one lives as long as its caller holds it, and ``unload()`` gives its memory
    back at once. The panels of the workbench keep one model in memory, two while two are compared.
    """

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

        What is missing of a hub model is fetched first, with its size known from the start.
        Every file of its package is verified before it is used, and the vectors that were
        recorded with it are compared afterwards. Loading a model leaves every other model alone:
        ``unload()`` gives the memory of one back.

        Args:
            model_name_or_path: A model id; or a package folder or a checkpoint file, spelt as a
                path ("./x", "/x", "~/x", or a ``Path``). A folder in the working directory never
                shadows an id.
            backend: "auto", or the backend to insist on. Of several packages of a large model the
                fastest is taken: each is measured once, which is remembered.
            device: "auto" (an accelerator if there is one), "cpu", "cuda", "cuda:1", "mps".
            dtype: Number format to compute in: "float32", "bfloat16", "float16"; "auto" is float32,
                or bfloat16 for a large model where it was measured to be faster and within cosine
                0.999. The model's ``dtype`` and ``dtype_reason`` say what came of it.
            revision: Insist on this version of the weights; its beginning is enough.
            model_dir: Folder that holds packages as ``<org>/<name>``; for a registered class,
                the folder with its weights.
            local_files_only: Open no connection, as with ``HF_HUB_OFFLINE=1``.
            allow_local_code: Run the code of a package that brings its own.
            **model_kwargs: The model's own options, passed on. Of a checkpoint file, a folder
                without a manifest or an id of the hub that is in no catalogue, ``architecture``
                and ``task_type`` say what it is; they are not passed on.

        Returns:
            The model, ready to use; its ``model_id`` and ``revision`` say which one it is.

        Raises:
            ModelNotFoundError: If the id is unknown.
            PackageNotFoundError: If its package is not on this machine and may not be fetched.
            ModelRetrievalError: If it cannot be fetched; the branches of this error say why.
            MissingModelInitParameterError: If a checkpoint file comes without its architecture.
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
        from models.loader.demands import read_demands, settle_revision
        from models.loader.loading import LoadOptions, load_first
        from models.loader.negotiation import negotiate, require_accepted
        from models.runtime import describe_runtime, pick_device

        wanted = read_demands(
            backend, device, dtype, revision, offline=local_files_only, allow_local_code=allow_local_code
        )
        stated = Stated(model_kwargs.get("architecture"), model_kwargs.get("task_type"), wanted.backend)
        target = find_target(model_name_or_path, model_dir, stated)
        if target.code is not None:
            target.code.require(allowed=allow_local_code)
        taken = ("architecture", "task_type") if target.stated else ()
        options = LoadOptions(
            device=pick_device(device),
            dtype=wanted.dtype,
            model_dir=model_dir,
            demands=settle_revision(wanted, target.card, model_dir),
            model_kwargs={name: value for name, value in model_kwargs.items() if name not in taken},
        )
        candidates = negotiate(target, options.demands, describe_runtime())
        return load_first(target, require_accepted(target, candidates, wanted.backend), options)

    @staticmethod
    def describe(
        model_name_or_path: Any,
        *,
        backend: str | BackendType = "auto",
        device: Any = "auto",
        dtype: Any = "auto",
        revision: str | None = None,
        model_dir: str | Path | None = None,
        local_files_only: bool | None = None,
        allow_local_code: bool = False,
        architecture: str | None = None,
        task_type: str | None = None,
    ) -> "ModelDescription":
        """Say what ``from_pretrained`` would take, and why not everything else. Loads nothing.

        Args:
            model_name_or_path: As for ``from_pretrained``.
            backend: As for ``from_pretrained``.
            device: As for ``from_pretrained``.
            dtype: As for ``from_pretrained``.
            revision: As for ``from_pretrained``.
            model_dir: As for ``from_pretrained``.
            local_files_only: As for ``from_pretrained``.
            allow_local_code: As for ``from_pretrained``.
            architecture: As for ``from_pretrained``.
            task_type: As for ``from_pretrained``.

        Returns:
            The card, all candidates with reasons, and the chosen one; shown as tables.

        Raises:
            ModelNotFoundError: If the id is unknown.
            PackageNotFoundError: If a path does not exist.

        Example:
            >>> AutoModel.describe("workbench/spriteclip-tiny").card.architecture
            'spriteclip'
        """
        from models import probes
        from models.loader.demands import read_demands
        from models.loader.description import ModelDescription
        from models.loader.negotiation import negotiate, require_accepted
        from models.runtime import describe_runtime

        wanted = read_demands(
            backend, device, dtype, revision, offline=local_files_only, allow_local_code=allow_local_code
        )
        target = find_target(model_name_or_path, model_dir, Stated(architecture, task_type, wanted.backend))
        runtime = describe_runtime(probe_devices=probes.accelerator_possible())
        candidates = negotiate(target, wanted, runtime)
        try:
            chosen, problem = require_accepted(target, candidates, wanted.backend)[0], ""
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
