"""The walls of the architecture, checked by reading every import of the source."""

import ast
import re

import pytest

from tests.guards.source import Import, fail_with, imports, imports_of, nodes, source_files

ONLY = {
    # library: (where it may be imported, what to do elsewhere)
    "av": (r"workbench/media/", "Decode through workbench.media.decode."),
    "ipywidgets": (
        r"workbench/(panels/|widgets/|app\.py)",
        "Put the view into workbench/panels; keep state in a controller or the session.",
    ),
    "anywidget": (r"workbench/widgets/", "Put the front-end part into workbench/widgets."),
    "huggingface_hub": (r"models/packages\.py", "Fetch packages through models.packages."),
    "onnx": (r"models/exported/tracing\.py", "Write ONNX files through models.export."),
    "onnxruntime": (r"models/exported/onnx\.py", "Run exported packages through AutoModel."),
    "openvino": (
        r"models/exported/openvino\.py",
        "Run packages by AutoModel: no telemetry there.",
    ),
    "lancedb": (r"workbench/store/tables\.py", "Read and write vectors through EmbeddingStore."),
    "matplotlib": (r"workbench/plots\.py", "Draw in workbench/plots.py: arrays in, Figure out."),
    "typer": (
        r"workbench/(cli|options|new_model|\w+_commands?)\.py",
        "Keep the command line in workbench/cli.py.",
    ),
}


def offenders(found, allowed):
    return [f"{one.place} imports {one.module}" for one in found if not re.match(allowed, one.path)]


@pytest.mark.parametrize("library", ONLY)
def test_library__is_imported_in_its_one_place(library):
    allowed, fix = ONLY[library]
    found = [one for one in imports() if one.is_of(library)]
    if library == "matplotlib":  # a Figure may be named in a signature
        found = [one for one in found if not one.typing_only]
    fail_with(offenders(found, allowed), fix)


def test_models__never_import_workbench():
    found = [one for one in imports() if one.is_of("workbench") and one.path.startswith("models/")]
    fail_with(
        [f"{one.place} imports {one.module}" for one in found], "Move the code that needs it into workbench."
    )


def test_panels__never_import_torch():
    found = [
        one for one in imports() if one.is_of("torch") and re.match(r"workbench/(panels|widgets)/", one.path)
    ]
    fail_with([f"{one.place} imports torch" for one in found], "Compute in the engine; panels only show.")


def test_analysis__is_arrays_only():
    heavy = (
        "torch",
        "transformers",
        "ipywidgets",
        "traitlets",
        "models",
        "workbench.media",
        "workbench.panels",
    )
    pure = ("models.errors", "models.vectors", "workbench.media.names")
    found = [
        one
        for one in imports()
        if one.path.startswith("workbench/analysis/") and any(one.is_of(name) for name in heavy)
        if not one.typing_only and not any(one.is_of(name) for name in pure)
    ]
    fail_with(
        [f"{one.place} imports {one.module}" for one in found], "Pass arrays in; load and embed elsewhere."
    )


def test_state__knows_no_view():
    views = ("ipywidgets", "workbench.panels", "workbench.widgets", "workbench.app")
    places = r"workbench/(session\.py|controllers/|engine/|analysis/|media/)"
    found = [
        one for one in imports() if re.match(places, one.path) and any(one.is_of(view) for view in views)
    ]
    fail_with(
        [f"{one.place} imports {one.module}" for one in found], "Views observe state; state knows no view."
    )


def test_widgets__know_only_widgets():
    found = [
        one
        for one in imports()
        if one.path.startswith("workbench/widgets/")
        if (one.is_of("workbench") and not one.is_of("workbench.widgets") and one.module != "workbench")
        or (one.is_of("models") and not one.is_of("models.lazy"))
    ]
    fail_with([f"{one.place} imports {one.module}" for one in found], "Pass data in as traits or a provider.")


FAMILY = re.compile(r"models\.families\.(\w+)")
# The one table; and the script that renders the sample clips with the family's own renderer.
NAMES_FAMILIES = ("models/registry.py", "workbench/media/make_samples.py")


def test_family__is_named_only_in_the_registry_table():
    named = [(one.place, one.path, one.module) for one in imports()]
    named += [
        (place, place.rpartition(":")[0], node.value)
        for place, node in nodes(ast.Constant)
        if isinstance(node.value, str) and re.fullmatch(r"models\.families\.[\w.]+", node.value)
    ]
    found = [
        f"{place} names {name}"
        for place, path, name in named
        if (family := FAMILY.match(name))
        and not path.startswith(f"models/families/{family.group(1)}/")
        and path not in NAMES_FAMILIES
    ]
    fail_with(found, "Name a family in REGISTERED_MODELS only; ask AutoModel for its models.")


def test_wildcard_imports__there_are_none():
    found = [f"{one.place} imports {one.module}" for one in imports() if one.module.endswith(".*")]
    fail_with(found, "Import the names that are used.")


def test_reader__sees_every_way_to_import():
    source = (
        "import av.video\nfrom . import media\nfrom .media import decode\nfrom torch import *\n"
        "def f():\n    import_module('pandas')\n"
    )
    found = {one.module for one in imports_of(ast.parse(source), "workbench/x.py")}
    assert {"av.video", "workbench.media", "workbench.media.decode", "torch.*", "pandas"} <= found


def test_reader__a_planted_offender_is_named():
    planted = [Import("av", "workbench/engine/x.py", 3)]
    assert offenders(planted, ONLY["av"][0]) == ["workbench/engine/x.py:3 imports av"]
    assert len(source_files()) > 20
