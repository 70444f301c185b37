import json

import pytest

from models.registry import register_model, unregister_model
from tests.fakes import MeanColorModel
from workbench.cli import main


class Long(MeanColorModel):
    def embed_images(self, images):
        return super().embed_images(images) * 2


@pytest.fixture
def registered():
    register_model("long", "embedding", "custom", Long)
    register_model("good", "embedding", "custom", MeanColorModel)
    yield
    unregister_model("long", "embedding", "custom")
    unregister_model("good", "embedding", "custom")


def test_check__a_good_model_ends_with_0(registered, capsys):
    with pytest.raises(SystemExit) as end:
        main(["models", "check", "good"])
    assert end.value.code == 0
    said = capsys.readouterr().out
    assert "good conforms." in said
    assert "not checked" in said


def test_check__a_fault_ends_with_1_and_is_data(registered, capsys):
    with pytest.raises(SystemExit) as end:
        main(["models", "check", "long", "--json"])
    assert end.value.code == 1
    said = json.loads(capsys.readouterr().out)
    assert not said["passed"]
    assert [check["name"] for check in said["checks"] if check["verdict"] == "FAULT"] == ["unit rows"]
