"""A function that torch compiles, or that runs as it is."""

import logging

import pytest
import torch

from models.encoders import compiled
from models.encoders.compiled import Compiled


def test_call__uses_what_was_compiled(monkeypatch):
    monkeypatch.setattr(compiled.torch, "compile", lambda function: lambda x: function(x) + 1)
    assert Compiled(lambda x: 2 * x)(torch.ones(1)).tolist() == [3.0]


def test_call__runs_as_it_is_when_compiling_fails_and_says_so_once(monkeypatch, caplog):
    tries = []

    def fails(x):
        tries.append(x)
        raise RuntimeError("no compiler\nmany lines")

    monkeypatch.setattr(compiled.torch, "compile", lambda function: fails)
    function = Compiled(lambda x: 2 * x)
    with caplog.at_level(logging.WARNING, "models"):
        assert [function(torch.ones(1)).item() for _ in range(3)] == [2.0] * 3
    assert len(tries) == 1
    assert caplog.messages == [
        "torch.compile fails here, the network runs as it is: RuntimeError: no compiler"
    ]


def test_call__an_error_of_the_function_itself_is_raised(monkeypatch):
    monkeypatch.setattr(compiled.torch, "compile", lambda function: function)
    function = Compiled(lambda x: x.reshape(7))
    with pytest.raises(RuntimeError, match="shape"):
        function(torch.ones(2))
    assert function(torch.ones(7)).shape == (7,)
