from models.reprs import html_table, readable_size, text_table


def test_html_table__escapes_cells_headers_and_caption():
    html = html_table([["<a>", "<b>"]], headers=["<h>", "x"], caption="<c>")
    assert all(f"&lt;{letter}&gt;" in html for letter in "abhc")
    assert not any(f"<{letter}>" in html for letter in "abhc")


def test_html_table__first_column_titles_without_headers():
    assert html_table([["a", "b"]]).count("<th") == 1


def test_text_table__uneven_rows_and_none():
    assert text_table([["a"], ["bb", "c"]]) == "a\nbb  c"
    assert text_table([]) == ""


def test_readable_size__units():
    assert [readable_size(size) for size in (0, 1, 999, 1000, 2_500_000, 3_000_000_000)] == [
        "size unknown",
        "1 bytes",
        "999 bytes",
        "1.0 kB",
        "2.5 MB",
        "3.0 GB",
    ]
