import threading

from workbench.controllers.residence import Residence


class Model:
    unloaded = 0

    def unload(self):
        self.unloaded += 1


def test_retire__unloads_what_was_loaded_here_once():
    residence, model = Residence(), Model()
    residence.own(model)
    residence.retire(model)
    residence.retire(model)
    assert model.unloaded == 1


def test_retire__leaves_what_came_from_elsewhere_alone():
    residence, model = Residence(), Model()
    residence.retire(model)
    residence.retire(None)
    assert model.unloaded == 0


def test_hold__a_model_stays_until_the_last_one_lets_go():
    residence, model = Residence(), Model()
    residence.own(model)
    with residence.hold(model):
        with residence.hold(model):
            residence.retire(model)
        assert model.unloaded == 0
    assert model.unloaded == 1


def test_hold__in_another_thread():
    residence, model = Residence(), Model()
    residence.own(model)
    held, go = threading.Event(), threading.Event()

    def work():
        with residence.hold(model):
            held.set()
            go.wait(30)

    thread = threading.Thread(target=work)
    thread.start()
    assert held.wait(30)
    residence.retire(model)
    assert model.unloaded == 0
    go.set()
    thread.join(30)
    assert model.unloaded == 1


def test_retire__a_model_that_cannot_be_unloaded_is_told_in_the_log(caplog):
    class Stubborn:
        def unload(self):
            raise RuntimeError("no")

    residence, model = Residence(), Stubborn()
    residence.own(model)
    residence.retire(model)
    residence.retire(object())
    assert "could not be unloaded" in caplog.text
