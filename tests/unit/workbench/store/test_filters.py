"""Conditions of a search: they compare, and reach nothing else."""

import numpy as np
import pytest

from models.vectors import EmbeddingSpace
from workbench.errors import InvalidParameterError

pytest.importorskip("lancedb", reason="lancedb is not installed")
from workbench.store import EmbeddingStore
from workbench.store.filters import rows_that_fit

SPACE = EmbeddingSpace("me/m", "1")


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    class Clip:
        def __init__(self, key, kind, start_s, caption):
            self.key, self.path, self.kind, self.caption = key, f"/films/{key}", kind, caption
            self.start_s, self.stop_s = start_s, None if start_s is None else start_s + 1

    store = EmbeddingStore(tmp_path_factory.mktemp("filters") / "store")
    clips = [
        Clip("a.mp4", "video", 0.0, "A dog runs"),
        Clip("b.mp4", "video", 5.0, "a cat"),
        Clip("c.jpg", "image", None, ""),
    ]
    store.put(SPACE, ["1", "2", "3"], np.eye(3, dtype=np.float32), clips=clips)
    return store.snapshot(SPACE)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("kind == 'video'", "ab"),
        ("kind=='image' or caption.str.contains('dog')", "ac"),
        ("(kind == 'video') & (start_s >= 5)", "b"),
        ("kind == 'video' & start_s >= 5", "b"),
        ("not kind == 'video'", "c"),
        ("~(kind == 'video')", "c"),
        ("key in ['a.mp4', 'c.jpg']", "ac"),
        ("key.isin(('a.mp4',))", "a"),
        ("caption.str.lower().str.startswith('a dog')", "a"),
        ("caption.str.contains('DOG', case=False, regex=False)", "a"),
        ("caption.str.len() > 0 and stop_s - start_s == 1", "ab"),
        ("start_s.isna()", "c"),
        ("0 <= start_s < 5", "a"),
        ("written > '2020-01-01'", "abc"),
        ("written > '2020-01-01T00:00:00Z'", "abc"),
        ("written.dt.year < 2000", ""),
        (" or ".join(["key == 'a.mp4'"] * 300), "a"),
        (lambda rows: rows["kind"] == "image", "c"),
    ],
)
def test_rows_that_fit(snapshot, where, expected):
    fits = rows_that_fit(snapshot, where)
    assert "".join(key[0] for key, fit in zip("abc", fits, strict=True) if fit) == expected


@pytest.mark.parametrize(
    "where",
    [
        "(key.to_csv('{target}') == key) | (key == key)",
        "key.str.contains('x').__class__.__init__.__globals__['sys'].exit() == key",
        "@np.save('{target}', key) == 0",
        "@__builtins__['open']('{target}', 'w') == key",
        "__import__('os').system('touch {target}') == key",
        "key.map(print).isna()",
        "key.str.extract('(a)') == 'a'",
        "key.values.tofile('{target}') == key",
        "[key for key in key] == key",
        "(lambda: key)() == key",
        "f'{{key}}' == key",
        "key[0] == key",
        "9 ** 9 ** 9 == start_s",
        "key.isin(kind.to_json('{target}'))",
        "key.str.contains(**key) == key",
        "key.isin([*key])",
        "(x := key) == key",
        "key.str == 'a'",
        "np.pi == start_s",
        "len(key) == 3",
        "start_s",
        "start_s + 1",
        "colour == 1",
        "key ==",
        "",
        "key == 'a.mp4'\nos",
        "(" * 100_000,
        "key == '\0'",
        "x = key",
    ],
)
def test_rows_that_fit__whatever_is_no_condition_is_refused_and_runs_nothing(snapshot, where, tmp_path):
    text = where.replace("{target}", str(tmp_path / "written")).replace("{{", "{").replace("}}", "}")
    with pytest.raises(InvalidParameterError, match=r"(?s)where=.* cannot be used: .*the columns are id"):
        rows_that_fit(snapshot, text)
    assert not [*tmp_path.iterdir()]


def test_rows_that_fit__a_single_equals_sign_has_its_hint(snapshot):
    with pytest.raises(InvalidParameterError, match="equality is written =="):
        rows_that_fit(snapshot, "kind = 'video'")


def test_rows_that_fit__a_method_that_is_not_there_names_those_that_are(snapshot):
    with pytest.raises(
        InvalidParameterError, match=r"'key\.str\.find' is not allowed; .*\.str\.contains\(\)"
    ):
        rows_that_fit(snapshot, "key.str.find('a') == 0")
