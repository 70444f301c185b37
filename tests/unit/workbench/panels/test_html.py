from workbench.panels import html
from workbench.session import Status

EVIL = "<img src=x onerror=alert(1)>'\"&"


def all_texts():
    status = Status("error", EVIL, EVIL, EVIL)
    return {
        "heading": html.heading(EVIL, EVIL),
        "title": html.title(EVIL, [EVIL]),
        "note": html.note(EVIL),
        "facts": html.facts([(EVIL, EVIL)]),
        "good_note": html.good_note(EVIL),
        "problem_note": html.problem_note(status),
        "details": html.details(EVIL, html.note(EVIL)),
        "problem_list": html.problem_list(EVIL, [(EVIL, EVIL)]),
        "status_line": html.status_line(status),
    }


def test_everything__is_escaped():
    for name, text in all_texts().items():
        assert "<img" not in text, name
        assert "&lt;img" in text, name


def test_status_line__announces_errors_and_hides_the_trace_one_click_away():
    text = html.status_line(Status("error", "No.", "Do it.", "Traceback ..."))
    assert "role='alert'" in text
    assert "<details" in text
    assert "Traceback ..." in text
    assert "<details" not in html.status_line(Status("ok", "Yes."))


def test_problem_list__long_lists_are_cut_and_counted():
    text = html.problem_list("many", [(str(i), "bad") for i in range(html.LIMIT + 7)])
    assert "and 7 more" in text
    assert html.problem_list("none", []) == ""
