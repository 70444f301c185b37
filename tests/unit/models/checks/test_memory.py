import functools

import numpy as np
import torch

from models.checks.memory import held, networks, weight_bytes

SHARED = {"net": torch.nn.Linear(2, 2)}
SOMEBODY_ELSES = torch.nn.Linear(3, 3)


def labels(model):
    return {label for _, label in held(model).values()}


def test_held__attributes_nested_in_anything():
    class Model:
        def __init__(self):
            self.parts = {"a": [(torch.zeros(2),)], "b": functools.partial(print, np.zeros(3))}

    model = Model()
    assert labels(model) == {"self.parts"}
    assert sum(weight_bytes(value) for value, _ in held(model).values()) == 2 * 4 + 3 * 8


def test_held__slots_and_class_attributes():
    class Model:
        __slots__ = ("net",)
        table = np.zeros(4)

        def __init__(self):
            self.net = torch.nn.Linear(1, 1)

    assert labels(Model()) == {"self.net", "Model.table"}


def test_held__globals_that_its_code_names_and_no_others():
    def load():
        return SHARED["net"]

    class Model:
        def embed_text(self, texts):
            return load()

    assert labels(Model()) == {"the global SHARED"}


def test_held__what_a_cache_or_a_closure_keeps():
    @functools.cache
    def load():
        return torch.nn.Linear(5, 5)

    class Model:
        def setup(self):
            load()

    assert held(Model()) == {}
    load()
    assert labels(Model()) == {"a closure of setup()"}


def test_held__cycles_and_deep_nests_end():
    class Model:
        def __init__(self):
            self.me = self
            self.nest = []
            for _ in range(5000):
                self.nest = [self.nest]
            self.nest.append(torch.zeros(1))

    assert labels(Model()) == {"self.nest"}


def test_networks__outer_ones_first_and_each_once():
    class Model:
        def __init__(self):
            self.net = torch.nn.Sequential(torch.nn.Linear(1, 1))
            self.again = self.net

    model = Model()
    assert networks(model) == [model.net, model.net[0]]


def test_networks__a_model_that_is_one():
    net = torch.nn.Sequential(torch.nn.ReLU())
    assert networks(net) == [net, net[0]]
