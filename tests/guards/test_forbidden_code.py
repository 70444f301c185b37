"""Nothing runs from a file, nothing is checked by `assert`: read from the source."""

import ast
import re

from tests.guards.source import calls, fail_with, imports, nodes

FORBIDDEN_MODULES = ("pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve")
FORBIDDEN_CALLS = {
    "eval": "Parse what you need with json or ast.literal_eval.",
    "exec": "Write the code down.",
    "compile": "Write the code down.",
    "os.system": "Use subprocess.run with a list.",
    "os.popen": "Use subprocess.run with a list.",
    "yaml.load": "Use yaml.safe_load.",
}


def test_assert__is_for_tests():
    fail_with(
        [f"{place} asserts" for place, _ in nodes(ast.Assert)],
        "Raise an error of models.errors: `assert` is gone under python -O.",
    )


def test_pickle__is_nowhere():
    found = [one for one in imports() if any(one.is_of(name) for name in FORBIDDEN_MODULES)]
    fail_with(
        [f"{one.place} imports {one.module}" for one in found],
        "Use json, npz, parquet or safetensors: reading them runs nothing.",
    )


def test_calls__none_that_run_text():
    found = [
        f"{place} calls {name}: {FORBIDDEN_CALLS[name]}"
        for name, place, _ in calls()
        if name in FORBIDDEN_CALLS
    ]
    fail_with(found, "Nothing runs from a file.")


def test_torch_load__only_weights():
    found = [
        place for name, place, call in calls() if name == "torch.load" and not _is_true(call, "weights_only")
    ]
    fail_with(found, "Pass weights_only=True, or keep the weights as safetensors.")


def test_numpy_load__without_pickle():
    found = [
        place
        for name, place, call in calls()
        if name in ("np.load", "numpy.load") and _is_true(call, "allow_pickle")
    ]
    fail_with(found, "Save arrays without objects; they load without pickle.")


def test_json__is_parsed_in_one_place():
    found = [
        place
        for name, place, _ in calls()
        if name in ("json.loads", "json.load") and not place.startswith("models/json_text.py:")
    ]
    fail_with(found, "Use models.json_text: JSON nested without end is a ValueError there.")


def test_subprocess__no_shell():
    found = [
        place for name, place, call in calls() if name.startswith("subprocess.") and _is_true(call, "shell")
    ]
    fail_with(found, "Pass a list of arguments.")


def test_local_code__is_run_in_one_place():
    found = [
        place
        for name, place, _ in calls()
        if re.search(r"(exec_module|spec_from_file_location|runpy\.run_path)$", name)
        and not place.startswith("models/loader/local_code.py:")
    ]
    fail_with(found, "Code of a package is run by models.loader.local_code only, when allowed.")


def test_av_logging__is_left_alone():
    found = [place for name, place, _ in calls() if re.search(r"(^|\.)av\.logging\.", name)]
    found += [one.place for one in imports() if one.is_of("av.logging")]
    fail_with(found, "A decoder that logs into Python while it is closed hangs; keep PyAV's default.")


def _is_true(call: ast.Call, name: str) -> bool:
    return any(
        word.arg == name and isinstance(word.value, ast.Constant) and word.value.value is True
        for word in call.keywords
    )
