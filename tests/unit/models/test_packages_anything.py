"""Whatever a hub does: a package with the bytes that were committed, or an error that says what to do."""

import contextlib
import random

import pytest

from models.cards import ModelCard
from models.errors import WorkbenchError
from models.packages import download_package, package_path
from tests.hub.mutations import bent
from tests.hub.server import safetensors

CARD = ModelCard(model_id="org/tiny", architecture="clip", task_type="embedding")
FILES = {
    "config.json": b'{"model_type": "clip"}',
    "vocab.txt": b"a\nb\n",
    "model.safetensors": safetensors(100_000),
}


@pytest.mark.parametrize("seed", range(24))
def test_download__from_a_hub_that_does_anything(hub, seed):
    commit = hub.commit("org/tiny", FILES)
    hub.rules.append(bent(random.Random(seed), list(FILES.values())))
    with contextlib.suppress(WorkbenchError):
        intact(download_package(CARD), commit)
        return
    assert not package_path(CARD).exists()
    hub.rules.clear()
    intact(download_package(CARD), commit)


def intact(package, commit):
    package.verify(full=True)
    assert package.manifest.revision == commit
    for file in package.manifest.files:
        assert package.file(file.path).read_bytes() == FILES[file.path]
