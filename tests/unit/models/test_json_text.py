import pytest

from models.json_text import parse_json, read_json


@pytest.mark.parametrize("text", ["", "{", "{'a': 1}", b"\xff\xfe\x00", "[" * 100_000, '{"a":' * 100_000])
def test_parse_json__what_is_none_is_a_value_error(text):
    with pytest.raises(ValueError, match=r"Expecting|nested too deep|decode"):
        parse_json(text)


def test_parse_json__makes_objects_of_pairs():
    assert parse_json('{"a": 1, "a": 2}', pairs=list) == [("a", 1), ("a", 2)]


def test_read_json__reads_utf8_wherever_it_runs(tmp_path):
    path = tmp_path / "facts.json"
    path.write_bytes('{"café": 1}'.encode())
    assert read_json(path) == {"café": 1}


def test_read_json__a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "nothing.json")
