import gc

from workbench.engine.per_object import PerObject


class Plain:
    pass


class Unhashable:
    __hash__ = None

    def __eq__(self, other):
        return True


class NoRoom:
    __slots__ = ()


def test_of__one_value_per_object_even_if_they_are_equal_and_unhashable():
    values, first, second = PerObject(list), Unhashable(), Unhashable()
    values.of(first).append(1)
    assert values.of(first) == [1]
    assert values.of(second) == []


def test_of__the_value_goes_with_its_object():
    values, owner = PerObject(list), Plain()
    values.of(owner).append(1)
    del owner
    gc.collect()
    assert values._values == {}


def test_of__an_object_without_room_for_weak_references_gets_a_new_value_each_time():
    values, owner = PerObject(list), NoRoom()
    assert values.of(owner) is not values.of(owner)
