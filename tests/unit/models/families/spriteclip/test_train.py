import pytest
import torch

from models.families.spriteclip import train
from models.families.spriteclip.model import SpriteCLIP
from models.families.spriteclip.package import write_package
from models.families.spriteclip.train import Trainer, TrainingConfig, easy_share
from models.packages import ModelPackage

CONFIG = TrainingConfig(steps=3, clips=16, shard_families=8, warmup=1, steps_per_shard=2, save_every=1)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    trainer = Trainer(tmp_path_factory.mktemp("undisturbed"), CONFIG, workers=0)
    assert trainer.run()
    return trainer


def test_run__stopped_and_resumed_equals_undisturbed(undisturbed, tmp_path):
    first = Trainer(tmp_path, CONFIG, workers=0)
    assert not first.run(stop_at=1)
    second = Trainer(tmp_path, CONFIG, workers=0)
    assert second.resume()
    assert second.step == 1
    assert second.run()
    for name, tensor in undisturbed.network.state_dict().items():
        torch.testing.assert_close(second.network.state_dict()[name], tensor, msg=name)


def test_run__reports_progress(tmp_path, capsys, undisturbed):
    trainer = Trainer(undisturbed.out, CONFIG, workers=0)
    assert trainer.resume()
    trainer.step = 2
    trainer.run()
    line = capsys.readouterr().out
    assert line.startswith("step 3/3")
    assert "min left" in line


def test_resume__without_checkpoint(tmp_path):
    assert not Trainer(tmp_path, CONFIG, workers=0).resume()


def test_rate__rises_then_falls(undisturbed):
    trainer = Trainer(undisturbed.out, TrainingConfig(steps=100, warmup=10), workers=0)
    rates = []
    for step in range(100):
        trainer.step = step
        rates.append(trainer.rate())
    assert rates.index(max(rates)) in (9, 10)
    assert rates[-1] < 0.05 * max(rates)


def test_easy_share__ends(undisturbed):
    assert easy_share(0) > easy_share(3) > easy_share(20) == 0


def test_write_package__loads_and_verifies(undisturbed, tmp_path):
    write_package(undisturbed.network, undisturbed.tokenizer, tmp_path / "package")
    ModelPackage.open(tmp_path / "package").verify(full=True)
    assert SpriteCLIP.from_pretrained(tmp_path / "package").embed_text("a ring").shape == (1, 256)


def test_main__help_names_the_module(capsys):
    with pytest.raises(SystemExit):
        train.main(["--help"])
    assert "models.families.spriteclip.train" in capsys.readouterr().out
