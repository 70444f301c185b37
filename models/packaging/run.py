"""Plan a download and carry it out: companions first, small files first, the manifest last."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from models.errors import CorruptedModelPackageError, InvalidParameterError, ModelPackageError
from models.packaging.checks import check_content, check_shards
from models.packaging.files import ModelPackage
from models.packaging.folder import PartialFolder, check_room, package_lock
from models.packaging.hub_errors import RevisionMismatchError
from models.packaging.installed import installed_package
from models.packaging.locations import package_path
from models.packaging.manifest import MANIFEST_NAME, Manifest, PackageFile
from models.packaging.plan import DownloadPlan, RemoteFile, choose_files, smallest_first
from models.packaging.transfer import checked_entry, disk_errors, fetch_file
from models.packaging.watch import Opener, Patience, Watch

if TYPE_CHECKING:
    from models.cards import ModelCard

DEFAULT_REVISION = "main"
NO_BACKEND = "custom"  # for files that are read by other packages and run by nothing
_COMMIT = re.compile(r"^[0-9a-f]{40}$")
_SHORT_COMMIT = re.compile(r"^[0-9a-f]{7,40}$")


class Hub(Protocol):
    """What a download needs of a hub."""

    @property
    def patience(self) -> Patience:
        """How long it is waited for."""
        ...

    def listing(self, model_id: str, revision: str, watch: Watch) -> tuple[str, Sequence[RemoteFile]]:
        """Return the full commit of a revision, and all files of it."""
        ...

    def described(self, model_id: str, commit: str, file: RemoteFile, watch: Watch) -> RemoteFile:
        """Return the file with size and hash, asked for by itself where the listing has none."""
        ...

    def opener(self, model_id: str, commit: str, file: RemoteFile) -> Opener:
        """Return a function that opens the file at an offset."""
        ...


@dataclass(frozen=True)
class Request:
    """What to fetch.

    Args:
        card: The model.
        cards: Cards of the repositories that models need, by id.
        model_dir: Folder for packages; None for the usual one.
        revision: Version that is asked for; None for that of the card.
    """

    card: "ModelCard"
    cards: Mapping[str, "ModelCard"]
    model_dir: str | Path | None = None
    revision: str | None = None

    @property
    def home(self) -> Path:
        """Folder of the package."""
        return package_path(self.card, self.model_dir)

    @property
    def wanted(self) -> str:
        """Version that is insisted on; "" for any."""
        return self.revision or self.card.revision

    @property
    def held(self) -> str:
        """Commit of a damaged package that is here: the first download settles the version."""
        try:
            revision = ModelPackage.open(self.home).manifest.revision
        except ModelPackageError:
            return ""
        return revision if _COMMIT.match(revision) else ""

    def companions(self) -> list["Request"]:
        """Requests for the other repositories that the model needs."""
        needed = getattr(self.card, "needs", ())
        return [replace(self, card=self.cards[one], revision=None) for one in needed]

    def package_here(self) -> ModelPackage | None:
        """The package that satisfies the request without a network.

        Raises:
            RevisionMismatchError: If another version is here.
            CorruptedModelPackageError: If the folder holds something that is no package.
        """
        package = installed_package(self.card, self.model_dir)
        if package is None:
            self._refuse_strangers()
        elif _SHORT_COMMIT.match(self.wanted) and not package.manifest.revision.startswith(self.wanted):
            raise self.mismatch(package)
        return package

    def mismatch(self, package: ModelPackage) -> RevisionMismatchError:
        """Build the error for a package of another version."""
        return RevisionMismatchError(
            f"{package.directory} holds {self.card.model_id} at {package.manifest.revision}, "
            f"but {self.wanted} is wanted.",
            next_step=f"Ask for the one that is here (revision={package.manifest.revision[:12]!r}), or run "
            f"`workbench models remove {self.card.model_id}` and download it again.",
        )

    def _refuse_strangers(self) -> None:
        """Leave alone a folder of that name that no download of ours made."""
        home = self.home
        if home.is_file():
            raise CorruptedModelPackageError(
                f"{home} is a file; the folder of a model belongs there.", next_step="Move it away."
            )
        if home.is_dir() and not (home / MANIFEST_NAME).exists() and any(home.iterdir()):
            raise CorruptedModelPackageError(
                f"{home} exists, but it is no model package: it has no {MANIFEST_NAME}.",
                next_step="Move the folder away, or make a package of it: models.packages.write_manifest.",
            )


OpenHub = Callable[[], Hub]  # opened when something has to be fetched, and not before


def make_plan(request: Request, open_hub: OpenHub, watch: Watch) -> DownloadPlan:
    """Find out what would be fetched; nothing is written.

    Args:
        request: What to fetch.
        open_hub: Where from.
        watch: Stops it.

    Returns:
        The plan, with those of the companions.
    """
    companions = tuple(make_plan(one, open_hub, watch) for one in request.companions())
    package = request.package_here()
    named = bool(request.revision) and not _SHORT_COMMIT.match(request.revision or "")
    if package is not None and not named:
        return _plan_of_installed(request, package, companions)
    model_id = request.card.model_id
    if request.card.source != "hub":
        raise InvalidParameterError(
            f"{request.card.model_id} is {request.card.source}; only models of the hub are downloaded."
        )
    hub = open_hub()
    commit, listed = hub.listing(model_id, request.wanted or request.held or DEFAULT_REVISION, watch)
    if _COMMIT.match(request.wanted) and commit != request.wanted:
        raise RevisionMismatchError(
            f"{request.wanted} of {model_id} was asked for, but the hub answers for {commit}.",
            next_step="Look at HF_ENDPOINT; nothing was fetched.",
        )
    if package is not None:
        if package.manifest.revision != commit:
            raise request.mismatch(package)
        return _plan_of_installed(request, package, companions)
    chosen = choose_files(model_id, listed, request.card.file_patterns)
    files = smallest_first(model_id, [hub.described(model_id, commit, file, watch) for file in chosen])
    present = PartialFolder(request.home).present_bytes(files)
    present += sum(plan.present_bytes for plan in companions)
    return DownloadPlan(model_id, commit, files, request.home, present_bytes=present, companions=companions)


def carry_out(plan: DownloadPlan, request: Request, open_hub: OpenHub, watch: Watch) -> ModelPackage:
    """Fetch what a plan says.

    Args:
        plan: The plan.
        request: What it was made for.
        open_hub: Where from.
        watch: Stops it, tells progress.

    Returns:
        The package.
    """
    check_room(plan.directory, plan.total_bytes - plan.present_bytes)
    watch.advance(0, "", now=True)
    for companion, its_plan in zip(request.companions(), plan.companions, strict=True):
        _fetch(its_plan, companion, open_hub, watch)
    package = _fetch(plan, request, open_hub, watch)
    watch.advance(0, "", now=True)
    return package


def _plan_of_installed(
    request: Request, package: ModelPackage, companions: tuple[DownloadPlan, ...]
) -> DownloadPlan:
    """Plan nothing: what is here is what is wanted."""
    files = tuple(RemoteFile(file.path, file.size, file.sha256) for file in package.manifest.files)
    present = package.size_bytes + sum(plan.present_bytes for plan in companions)
    return DownloadPlan(
        request.card.model_id,
        package.manifest.revision,
        files,
        package.directory,
        installed=True,
        present_bytes=present,
        companions=companions,
    )


def _fetch(plan: DownloadPlan, request: Request, open_hub: OpenHub, watch: Watch) -> ModelPackage:
    """Fetch one repository; another process that does the same is waited for."""
    own_bytes = sum(file.size for file in plan.files)
    counted = plan.present_bytes - sum(one.present_bytes for one in plan.companions)
    package = request.package_here() if plan.installed else None
    if package is None:
        with package_lock(plan.directory, watch):
            package = request.package_here()
            if package is None:
                return _fetch_files(plan, request, open_hub(), watch, counted)
    watch.advance(own_bytes - counted, "")
    return package


def _fetch_files(plan: DownloadPlan, request: Request, hub: Hub, watch: Watch, counted: int) -> ModelPackage:
    """Fetch all files into the partial folder, look into each, and make the package."""
    partial = PartialFolder(plan.directory)
    partial.prepare(plan.revision, plan.files)
    watch.advance(partial.present_bytes(plan.files) - counted, "")
    names = [file.path for file in plan.files]
    entries = []
    for file in plan.files:
        watch.check()
        target = partial.path / file.path
        opener = hub.opener(plan.model_id, plan.revision, file)
        entry = _already(file, target, watch) or fetch_file(file, target, opener, watch, hub.patience)
        with disk_errors(target):
            check_content(target, file.path)
            if file.path.endswith(".index.json"):
                check_shards(partial.path, file.path, names)
        entries.append(entry)
    watch.check()
    partial.finish(_manifest(plan, request.card, entries))
    return ModelPackage.open(plan.directory)


def _already(file: RemoteFile, target: Path, watch: Watch) -> PackageFile | None:
    """Take a file that an earlier attempt finished, if it is still what it was."""
    with disk_errors(target):
        if not target.is_file():
            return None
        here = min(target.stat().st_size, file.size)
        entry = checked_entry(file, target, watch)
        if entry is None:
            target.unlink()
            watch.advance(-here, file.path)
        return entry


def _manifest(plan: DownloadPlan, card: "ModelCard", entries: Sequence[PackageFile]) -> Manifest:
    """Say what the package is; vectors recorded with the same version are kept."""
    try:
        old = ModelPackage.open(plan.directory).manifest
    except ModelPackageError:
        old = None
    answers = old.known_answers if old is not None and old.revision == plan.revision else ()
    return Manifest(
        model_id=plan.model_id,
        revision=plan.revision,
        architecture=card.architecture,
        task_type=card.task_type,
        backend=card.backends[0] if card.backends else NO_BACKEND,
        files=tuple(sorted(entries, key=lambda entry: entry.path)),
        known_answers=answers,
    )
