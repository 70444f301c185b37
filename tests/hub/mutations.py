"""Misbehaviour by dice: any answer of the hub is bent in some way that nobody thought of."""

import copy
import gzip
import json
import random
from dataclasses import replace
from typing import Any

from tests.hub.server import Answer, Request, Rule, as_json, page

STATUSES = (200, 201, 204, 206, 300, 301, 304, 307, 400, 404, 405, 410, 416, 418, 429, 451, 500, 503, 599)
NAMES = (
    "Content-Encoding",
    "Content-Range",
    "Location",
    "X-Repo-Commit",
    "Retry-After",
    "Link",
    "X-Error-Code",
)
VALUES = ("", "x", "gzip", "br", "bytes 5-10/20", "/", "http://127.0.0.1:1/", "0", "-1", "RepoNotFound", "é")
JUNK: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    2**70,
    "",
    "../x",
    [],
    {},
    {"a": 1},
    "\0",
    "a" * 10_000,
    float("nan"),
)


def bent(dice: random.Random, files: list[bytes]) -> Rule:
    """A rule that bends some answers, of the API alone or of everything, each in one way."""
    rate, only_api = dice.choice([0.2, 0.5, 1.0]), dice.random() < 0.4

    def rule(request: Request, answer: Answer) -> Answer | None:
        spared = only_api and not request.path.startswith("/api")
        return None if spared or dice.random() > rate else dice.choice(WAYS)(dice, answer, files)

    return rule


def bent_json(dice: random.Random, document: Any) -> Any:
    """A JSON document with one place changed, dropped or doubled."""
    document = copy.deepcopy(document)
    node, key, here = None, None, document
    while isinstance(here, dict | list) and here and (node is None or dice.random() < 0.75):
        key = dice.choice(list(here)) if isinstance(here, dict) else dice.randrange(len(here))
        node, here = here, here[key]
    if node is None:
        return dice.choice(JUNK)
    way = dice.randrange(3)
    if way == 0 and isinstance(node, dict):
        del node[key]
    elif way == 1 and isinstance(node, list):
        node.append(copy.deepcopy(here))
    else:
        node[key] = here + dice.choice([-1, 1, 1000]) if isinstance(here, int) else dice.choice(JUNK)
    return document


def _flip(dice: random.Random, answer: Answer, _: list[bytes]) -> Answer:
    body = bytearray(answer.body or b"x")
    body[dice.randrange(len(body))] ^= 1 << dice.randrange(8)
    return replace(answer, body=bytes(body))


def _header(dice: random.Random, answer: Answer, _: list[bytes]) -> Answer:
    name = dice.choice([*NAMES, *answer.headers])
    headers = {**answer.headers, name: dice.choice(VALUES)}
    if dice.random() < 0.3:
        del headers[name]
    return replace(answer, headers=headers)


def _json(dice: random.Random, answer: Answer, _: list[bytes]) -> Answer:
    if answer.headers.get("Content-Type") != "application/json":
        return replace(answer, body=answer.body[::-1])
    return as_json(bent_json(dice, json.loads(answer.body)))


def _length(dice: random.Random, answer: Answer, _: list[bytes]) -> Answer:
    length = dice.choice([None, 0, 1, len(answer.body) + 1, 10**12])
    return replace(answer, length=length, cut=len(answer.body))


def _gzip(_: random.Random, answer: Answer, __: list[bytes]) -> Answer:
    headers = {**answer.headers, "Content-Encoding": "gzip"}
    return replace(answer, body=gzip.compress(answer.body), headers=headers)


WAYS = (
    _flip,
    _header,
    _header,
    _json,
    _json,
    _json,
    _length,
    _gzip,
    lambda dice, answer, _: replace(answer, status=dice.choice(STATUSES)),
    lambda dice, answer, _: replace(answer, body=answer.body[: dice.randrange(len(answer.body) + 1)]),
    lambda dice, answer, _: replace(answer, body=answer.body + bytes(dice.randrange(1, 3000))),
    lambda dice, answer, _: replace(answer, cut=dice.randrange(len(answer.body) + 1)),
    lambda dice, answer, files: replace(answer, body=dice.choice(files)),
    lambda dice, answer, _: page(),
)
