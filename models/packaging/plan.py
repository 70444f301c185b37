"""What a download consists of: which files of a repository, how large, and where they go.

Pure decisions: no network, no disk. What a hub says is not trusted: a name that would leave
the folder, or two that are one on another system, end the download before its first byte.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from unicodedata import normalize

from models.cards import DEFAULT_FILE_PATTERNS
from models.packaging.hub_errors import HubAnswerError, ModelRetrievalError
from models.packaging.manifest import MANIFEST_NAME, is_safe_path
from models.reprs import html_table, readable_size, text_table

MAX_FILES = 500
MAX_LISTED = 200_000
MAX_BYTES = 2 * 2**40
WEIGHTS = (".safetensors", ".bin", ".pt", ".pth")
HOME_WEIGHTS = (
    "model.safetensors",
    "pytorch_model.bin",
)  # the first that is there; whole or in shards
NEVER = re.compile(
    r"\.(py|pyc|so|dll|sh|pkl|pickle|joblib|npy|ckpt|h5|msgpack|ot|tflite|onnx|onnx_data|mlmodel|gguf|xml|zip|tar|gz)$"
    r"|^(training_args\.bin|optimizer\.(pt|bin)|scheduler\.(pt|bin)|rng_state.*\.pth)$",
    re.IGNORECASE,
)
_SHARD = re.compile(r"^(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})(?P<ending>\.\w+)$")
_DEVICE = re.compile(r"^(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
_FORBIDDEN = frozenset('<>:"|?*\\')


@dataclass(frozen=True)
class RemoteFile:
    """A file as the hub announces it.

    Args:
        path: Relative posix path.
        size: Bytes; -1 while the hub has not said.
        sha256: Hash of the content, for large files; None when the hub has another one only.
        git_oid: Object id in git, for small files. Of weights one of the two must be known; a text
            without either is held to its size, its form and its tag.
        etag: What the hub calls this content, where that is no hash; "" otherwise.
    """

    path: str
    size: int
    sha256: str | None = None
    git_oid: str | None = None
    etag: str = ""

    @property
    def verifiable(self) -> bool:
        """Whether its size and a hash are known."""
        return self.size >= 0 and bool(self.sha256 or self.git_oid)


@dataclass(frozen=True)
class DownloadProgress:
    """How far a download is.

    Args:
        model_id: The model that was asked for.
        done_bytes: Bytes that are here, those of an earlier attempt included.
        total_bytes: Bytes in all, known before the first one; companions included.
        file: The file that is being fetched; "" before the first and after the last one.
    """

    model_id: str
    done_bytes: int
    total_bytes: int
    file: str


@dataclass(frozen=True)
class DownloadPlan:
    """What a download would fetch.

    Args:
        model_id: Id of the repository.
        revision: Full commit; every file is fetched at this one, wherever a branch moves.
        files: The files, smallest first; a package that is here needs none.
        directory: Where the package will lie.
        installed: Whether it is there already.
        present_bytes: Bytes that are here already.
        companions: Plans of the other repositories that the model needs.
    """

    model_id: str
    revision: str
    files: tuple[RemoteFile, ...]
    directory: Path
    installed: bool = False
    present_bytes: int = 0
    companions: tuple["DownloadPlan", ...] = ()

    @property
    def total_bytes(self) -> int:
        """Bytes of all files, companions included."""
        return sum(file.size for file in self.files) + sum(plan.total_bytes for plan in self.companions)

    def rows(self) -> list[tuple[str, str]]:
        """The plan as pairs of title and text."""
        here = f", {readable_size(self.present_bytes)} of it here" if self.present_bytes else ""
        return [
            ("model", self.model_id),
            ("revision", self.revision),
            ("folder", str(self.directory)),
            ("size", f"{readable_size(self.total_bytes)} in {len(self.files)} files{here}"),
            *(("needs", plan.model_id) for plan in self.companions),
        ]

    def __str__(self) -> str:
        return text_table(self.rows())

    def _repr_html_(self) -> str:
        """The plan as a table."""
        return html_table(self.rows())


def choose_files(
    model_id: str, listed: Sequence[RemoteFile], patterns: Sequence[str] = ()
) -> tuple[RemoteFile, ...]:
    """Choose the files of a repository that make a package: configuration and one weight format.

    Args:
        model_id: The repository, for messages.
        listed: All its files.
        patterns: What belongs to the package, as file name patterns; one without a folder in it
            matches at the top only. None, or those of every card, for the usual: configuration
            and tokenizer files, and safetensors weights before ``.bin`` ones, whole or in shards.

    Returns:
        The chosen files.

    Raises:
        HubAnswerError: If a name is not safe on every system, or there are far too many.
        ModelRetrievalError: If there are no weights that can be loaded.

    Example:
        >>> found = [RemoteFile("config.json", 2), RemoteFile("model.safetensors", 9)]
        >>> found += [RemoteFile("pytorch_model.bin", 9), RemoteFile("tf_model.h5", 9)]
        >>> [file.path for file in choose_files("org/name", found)]
        ['config.json', 'model.safetensors']
    """
    _check_listing(model_id, listed)
    usable = [file for file in listed if _may_be_taken(file.path)]
    if tuple(patterns) in ((), DEFAULT_FILE_PATTERNS):
        plain = [pattern for pattern in DEFAULT_FILE_PATTERNS if not is_weights(pattern)]
        chosen = [file for file in usable if _matches(file.path, plain)]
        chosen = [file for file in chosen if not file.path.endswith(".index.json")]
        chosen += _home_weights(model_id, usable)
    else:
        chosen = _by_patterns(model_id, usable, patterns)
    for file in chosen:
        _check_name(model_id, file.path)
    _check_unique(model_id, [file.path for file in chosen])
    if len(chosen) > MAX_FILES:
        raise HubAnswerError(
            f"The hub offers {len(chosen):,} files for {model_id}; a package has at most {MAX_FILES}."
        )
    return tuple(chosen)


def smallest_first(model_id: str, chosen: Sequence[RemoteFile]) -> tuple[RemoteFile, ...]:
    """Put chosen files in order, once the hub has said how large they are and what is in them.

    Args:
        model_id: The repository, for messages.
        chosen: The files.

    Returns:
        The files, smallest first.

    Raises:
        HubAnswerError: If a size is absurd, or a file could not be verified.
    """
    for file in chosen:
        if is_weights(file.path) and not file.verifiable:
            raise HubAnswerError(
                f"The hub announces no checksum for {file.path} of {model_id}; it cannot be verified.",
                next_step="Use a hub that does (HF_ENDPOINT).",
            )
        if file.size < 0 or (file.size == 0 and is_weights(file.path)):
            raise HubAnswerError(f"The hub says {file.path} of {model_id} has {file.size} bytes.")
    total = sum(file.size for file in chosen)
    if total > MAX_BYTES:
        raise HubAnswerError(
            f"The hub offers {readable_size(total)} for {model_id}; "
            f"a package has at most {readable_size(MAX_BYTES)}."
        )
    return tuple(sorted(chosen, key=lambda file: (file.size, file.path)))


def is_weights(path: str) -> bool:
    """Tell whether a file holds weights, by its ending.

    Args:
        path: Name of the file.

    Returns:
        True for the formats that can be in a package from the hub.
    """
    return path.lower().endswith(WEIGHTS)


def _may_be_taken(path: str) -> bool:
    """Leave out hidden files, our own names, code, and formats that are never loaded."""
    name = path.rpartition("/")[2]
    own = name.casefold() == MANIFEST_NAME or name.endswith(".incomplete")
    return not (own or path.startswith(".") or "/." in path or NEVER.search(name))


def _matches(path: str, patterns: Iterable[str]) -> bool:
    """Tell whether a pattern matches; one without a folder is about files at the top."""
    return any(fnmatchcase(path, one) for one in patterns if "/" in one or "/" not in path)


def _by_patterns(model_id: str, usable: list[RemoteFile], patterns: Sequence[str]) -> list[RemoteFile]:
    """Take what matches; of several weight formats the first in ``WEIGHTS``."""
    chosen = [file for file in usable if _matches(file.path, patterns)]
    wanted = [pattern for pattern in patterns if is_weights(pattern)]
    endings = [ending for ending in WEIGHTS if any(file.path.lower().endswith(ending) for file in chosen)]
    if wanted and not endings:
        raise ModelRetrievalError(f"{model_id} has no weights named {' or '.join(wanted)} on the hub.")
    if not chosen:
        raise ModelRetrievalError(f"{model_id} has none of the files {', '.join(patterns)} on the hub.")
    others = tuple(f"{ending}{more}" for ending in endings[1:] for more in ("", ".index.json"))
    return [file for file in chosen if not (others and file.path.lower().endswith(others))]


def _home_weights(model_id: str, usable: list[RemoteFile]) -> list[RemoteFile]:
    """Take one file of weights, or an index with all its shards."""
    by_path = {file.path: file for file in usable}
    for name in HOME_WEIGHTS:
        if name in by_path:
            return [by_path[name]]
        if f"{name}.index.json" in by_path:
            return [by_path[f"{name}.index.json"], *_shards(model_id, name, usable)]
    there = sorted(file.path for file in usable if is_weights(file.path))
    raise ModelRetrievalError(
        f"{model_id} has no {' or '.join(HOME_WEIGHTS)} on the hub"
        + (f"; it has {', '.join(there[:5])}." if there else " and no other weights that can be loaded."),
        next_step="Name the files that belong to it in the model's card: file_patterns=(...).",
    )


def _shards(model_id: str, name: str, usable: list[RemoteFile]) -> list[RemoteFile]:
    """Take all shards of a weights file; one that is missing is an error now, not after gigabytes."""
    stem, _, ending = name.rpartition(".")
    found: dict[int, RemoteFile] = {}
    counts = set()
    for file in usable:
        match = _SHARD.match(file.path)
        if match and match["stem"] == stem and match["ending"] == f".{ending}":
            found[int(match["number"])] = file
            counts.add(int(match["count"]))
    if len(counts) != 1 or set(found) != set(range(1, max(counts) + 1)):
        raise HubAnswerError(f"{model_id} has {name} in parts on the hub, but not all of them are there.")
    return list(found.values())


def _check_listing(model_id: str, listed: Sequence[RemoteFile]) -> None:
    """Refuse a listing that no repository has."""
    if len(listed) > MAX_LISTED:
        raise HubAnswerError(f"The hub lists {len(listed):,} files for {model_id}; that cannot be.")
    for file in listed:
        climbs = ".." in re.split(r"[/\\]", file.path) or file.path.startswith(("/", "\\"))
        if climbs or not file.path or re.match(r"^[A-Za-z]:", file.path):
            raise HubAnswerError(f"The hub lists {file.path!r} for {model_id}, which leaves the folder.")


def _check_name(model_id: str, path: str) -> None:
    """Refuse a name that some system cannot store as it is."""
    bad = [
        part
        for part in path.split("/")
        if _FORBIDDEN & set(part)
        or _DEVICE.match(part)
        or part != part.strip(" ").rstrip(".")
        or not part.isprintable()
        or len(part.encode("utf-8", "replace")) > 200
    ]
    if bad or not is_safe_path(path) or len(path) > 400:
        raise HubAnswerError(f"The hub lists {path!r} for {model_id}; that is no name for a file.")


def _check_unique(model_id: str, paths: Sequence[str]) -> None:
    """Refuse names that are one name on some system, and a file where a folder must be."""
    seen: dict[str, str] = {}
    for path in paths:
        name = normalize("NFKC", path).casefold()
        if name in seen:
            raise HubAnswerError(f"The hub lists {seen[name]!r} and {path!r} for {model_id}: one name twice.")
        seen[name] = path
    for path in seen:
        parents = path.split("/")[:-1]
        if any("/".join(parents[: depth + 1]) in seen for depth in range(len(parents))):
            raise HubAnswerError(f"The hub lists {path!r} for {model_id}, inside another file.")
