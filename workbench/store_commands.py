"""The `workbench store` and `workbench search` commands."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from models.reprs import readable_size
from workbench.errors import InvalidParameterError, SourceNotFoundError
from workbench.terminal import Terminal
from workbench.wording import counted

if TYPE_CHECKING:
    from models.vectors import EmbeddingSpace
    from workbench.store import EmbeddingStore

store_app = typer.Typer(
    help="Look into a folder of stored vectors; tidy, export or import it.", no_args_is_help=True
)

Folder = Annotated[Path, typer.Argument(metavar="STORE", help="Folder of the store.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else.")]
Space = Annotated[
    str | None,
    typer.Option("--space", help="Key of an embedding space, as `store info` lists it, or a model's id."),
]


@store_app.command("info")
def info(folder: Folder, *, as_json: Json = False) -> None:
    """Say which embedding spaces a store has, how many vectors, and what it takes on disk."""
    terminal = Terminal(as_json=as_json)
    found = _open(folder).info()
    rows = [
        [one.space.key, (model, "bold"), seen, vectors, size]
        for one, (model, seen, vectors, size) in zip(found.spaces, found.rows, strict=True)
    ]
    terminal.table(["space", "model", "clips seen as", "vectors>", "size>"], rows)
    terminal.json(
        {"path": found.path, "spaces": [{"key": one.space.key, **asdict(one)} for one in found.spaces]}
    )


@store_app.command("ls")
def ls(folder: Folder, *, space: Space = None, as_json: Json = False) -> None:
    """List the clips of an embedding space, or of all."""
    terminal = Terminal(as_json=as_json)
    store = _open(folder)
    listed = store.spaces() if space is None else [_chosen(store, space)]
    tables = [store.rows(one).assign(space=one.key, model=one.model_id) for one in listed]
    rows = [
        [(key, "bold"), path, model, str(written)[:19], name]
        for facts in tables
        for name, key, path, model, written in zip(
            facts["id"], facts["key"], facts["path"], facts["model"], facts["written"], strict=True
        )
    ]
    terminal.table(["clip", "file", "model", "written (UTC)", "id"], rows)
    terminal.json([record for facts in tables for record in _records(facts)])


@store_app.command("gc")
def gc(
    folder: Folder,
    *,
    keep_s: Annotated[
        float, typer.Option("--keep", min=0, help="Seconds for which old versions stay, for readers.")
    ] = 3600.0,
    as_json: Json = False,
) -> None:
    """Join small files and drop old versions; no vector is lost."""
    terminal = Terminal(as_json=as_json)
    freed = _open(folder).compact(keep_s=keep_s)
    terminal.say(f"{readable_size(freed)} are free again." if freed else "Nothing is free by it now.")
    if keep_s:
        terminal.note(f"Versions of the last {keep_s:g} s stay for readers; --keep 0 drops them too.")
    terminal.json({"freed_bytes": freed})


@store_app.command("prune")
def prune(
    folder: Folder,
    *,
    space: Space = None,
    yes: Annotated[bool, typer.Option("--yes", help="Drop them; without it they are only listed.")] = False,
    as_json: Json = False,
) -> None:
    """Drop the vectors of files that are gone, or that hold something else by now; lists them first."""
    terminal = Terminal(as_json=as_json)
    store = _open(folder)
    stale = store.prune(space=_chosen(store, space), dry_run=not yes)
    rows = [
        [(key, "bold"), path, why]
        for key, path, why in zip(stale["key"], stale["path"], stale["why"], strict=True)
    ]
    if rows:
        terminal.table(["clip", "file", "why"], rows)
    what = counted(len(stale), "vector")
    if not len(stale):
        terminal.say("Every file is there, as it was.")
    else:
        terminal.say(f"{what} dropped." if yes else f"{what} would be dropped: --yes does it.", style="bold")
    terminal.json({"dropped": yes, "rows": _records(stale)})


@store_app.command("index")
def index(folder: Folder, *, space: Space = None, as_json: Json = False) -> None:
    """Build an index for many millions of vectors, and say how much of the exact answer it finds."""
    terminal = Terminal(as_json=as_json)
    store = _open(folder)
    report = store.build_index(_chosen(store, space))
    terminal.say(str(report), style="bold")
    terminal.json(asdict(report))


@store_app.command("export")
def export(
    folder: Folder,
    out: Annotated[
        Path, typer.Argument(metavar="FILE", help="File to write: .parquet, .safetensors or .npz.")
    ],
    *,
    space: Space = None,
    as_json: Json = False,
) -> None:
    """Write the vectors of an embedding space into one file."""
    from workbench.store.exchange import export_space

    terminal = Terminal(as_json=as_json)
    store = _open(folder)
    chosen = _chosen(store, space)
    path = export_space(store, chosen, out)
    terminal.say(f"{chosen.model_id} is written to {path}", style="bold")
    terminal.json({"out": str(path), "space": asdict(chosen)})


@store_app.command("import")
def import_(
    folder: Folder,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="File that `store export` wrote.")],
    *,
    as_json: Json = False,
) -> None:
    """Put the vectors of a file into a store, which is made when it is not there."""
    from workbench.store import EmbeddingStore
    from workbench.store.exchange import import_file

    terminal = Terminal(as_json=as_json)
    space, count = import_file(EmbeddingStore(folder), file)
    terminal.say(f"{count:,} vectors of {space.model_id} are in {folder}", style="bold")
    terminal.json({"rows": count, "space": asdict(space)})


def search(
    text: Annotated[
        str | None, typer.Argument(metavar="TEXT", help="What to look for.", show_default=False)
    ] = None,
    *,
    store: Annotated[Path, typer.Option("--store", help="Folder of the store.")],
    image: Annotated[Path | None, typer.Option("--image", help="Picture to look for.")] = None,
    like: Annotated[
        list[str] | None,
        typer.Option("--like", help="Clip to be like: key, id or file; may be repeated."),
    ] = None,
    unlike: Annotated[
        list[str] | None, typer.Option("--unlike", help="Clip to be unlike; may be repeated.")
    ] = None,
    where: Annotated[
        str | None,
        typer.Option("--where", help="Which clips count, such as \"caption.str.contains('dog')\"."),
    ] = None,
    top: Annotated[int, typer.Option("--top", "-k", min=1, help="Clips to find.")] = 10,
    by_video: Annotated[bool, typer.Option("--by-video", help="At most one clip of each file.")] = False,
    indexed: Annotated[
        bool, typer.Option("--index", help="Ask the index of `store index`: faster, and not exact.")
    ] = False,
    space: Space = None,
    device: Annotated[str, typer.Option("--device", help="Where to compute the query.")] = "auto",
    as_json: Json = False,
) -> None:
    """Find clips in a store by words, by a picture, or by other clips."""
    from workbench.media.images import read_image

    terminal = Terminal(as_json=as_json)
    if text is None and image is None and not like:
        raise InvalidParameterError(
            "Nothing was asked for.",
            next_step='Type the words: workbench search "a red car" --store STORE; or use --image or --like.',
        )
    opened = _open(store)
    chosen = _chosen(opened, space)
    found = opened.search(
        text,
        model=_model(chosen, device) if text is not None or image is not None else None,
        space=chosen,
        image=read_image(image) if image is not None else None,
        more_like=like or (),
        less_like=unlike or (),
        where=where,
        k=top,
        by_video=by_video,
        index=indexed,
    )
    rows = [
        [(hit.key, "bold"), f"{hit.score:.3f}", f"{hit.start_s:.1f}" if hit.start_s > 0 else "", hit.path]
        for hit in found
    ]
    terminal.table(["clip", "score>", "from s>", "file"], rows)
    terminal.note(found.caption)
    terminal.json({"searched": found.searched, "hits": _records(found.to_frame())})


def _open(folder: Path) -> "EmbeddingStore":
    """Open a store that must be there."""
    from workbench.store import EmbeddingStore

    if not folder.expanduser().is_dir():
        raise SourceNotFoundError(
            f"There is no store {folder}.", next_step="`workbench embed FOLDER --store STORE` makes one."
        )
    return EmbeddingStore(folder)


def _chosen(store: "EmbeddingStore", space: str | None) -> "EmbeddingSpace":
    """The space that was named by its key or model, or the only one."""
    from workbench.store.spaces import choose_space

    return choose_space(store.spaces(), space)


def _model(space: "EmbeddingSpace", device: str) -> Any:
    """Load the model that made the vectors of a space, in its version."""
    from models import AutoModel

    return AutoModel.from_pretrained(space.model_id, revision=space.revision or None, device=device)


def _records(table: Any) -> list[dict[str, Any]]:
    """Rows for JSON: times as text, what is unknown as null."""
    return [
        {name: None if value != value else value for name, value in row.items()}  # noqa: PLR0124 - NaN
        for row in table.assign(
            **{"written": table["written"].astype(str)} if "written" in table else {}
        ).to_dict("records")
    ]
