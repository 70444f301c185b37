"""Each fault that a model can have, planted in a good one: check_model must find and name it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.auto import AutoModel
from models.conformance import check_model
from models.errors import ModelNotReadyError
from models.families.clip.model import CLIPEmbedder
from models.families.clip.tiny import make_tiny_package
from models.inputs import as_rgb_clips
from models.known_answers import record_known_answers
from models.registry import register_model, unregister_model
from tests.fakes import MeanColorModel, MotionModel
from tests.tiny_torch import TinyNetwork, TinyTorchModel


def report_of(model_class, package, **kwargs):
    model = model_class.from_pretrained(str(package.directory))
    model.known_answers = package.manifest.known_answers
    return check_model(model, **kwargs)


def test_good_model__has_no_fault(tiny_package):
    report = report_of(TinyTorchModel, tiny_package)
    assert report.passed, str(report)
    assert report.check("known answers").passed
    assert report.check("sees frame order").passed
    assert report.check("sees colour").passed
    assert report.check("unload").passed


class ChannelsSwapped(TinyTorchModel):
    def preprocess_clip(self, frames):
        return super().preprocess_clip(np.asarray(frames)[..., ::-1])


class WrongMean(TinyTorchModel):
    mean = (0.5, 0.45, 0.4)


class WrongStd(TinyTorchModel):
    std = (0.3, 0.25, 0.2)


class RandomWeights(TinyTorchModel):
    def setup(self):
        torch.manual_seed(7)
        self._model = TinyNetwork(self.num_frames, self.embedding_dim)


class NotUnit(TinyTorchModel):
    def _finish(self, rows):
        return rows


class NotFinite(TinyTorchModel):
    def _finish(self, rows):
        return super()._finish(rows) * float("nan")


class Half(TinyTorchModel):
    def _finish(self, rows):
        return super()._finish(rows).half()


class NumpyOut(TinyTorchModel):
    def _finish(self, rows):
        return super()._finish(rows).numpy()


class OrderChanged(TinyTorchModel):
    def embed_videos(self, videos):
        return super().embed_videos(videos).flip(0)


class OrderOfTextsChanged(TinyTorchModel):
    def embed_text(self, texts):
        return super().embed_text(texts).flip(0)


class BatchDependent(TinyTorchModel):
    def _finish(self, rows):
        return super()._finish(rows - 0.5 * rows.mean(dim=0))


class PaddingLeaks(TinyTorchModel):
    def _mask(self, ids):
        return torch.ones_like(ids).float()


class NotRepeatable(TinyTorchModel):
    def _finish(self, rows):
        return super()._finish(rows + 0.01 * torch.randn_like(rows))


class OneRowTooMany(TinyTorchModel):
    def embed_videos(self, videos):
        rows = super().embed_videos(videos)
        return torch.cat([rows, rows[:1]])


class WrongDim(TinyTorchModel):
    embedding_dim = 17


class Constant(TinyTorchModel):
    def embed_videos(self, videos):
        rows = super().embed_videos(videos)
        return rows[:1].mul(0).add(0.25).expand_as(rows)


class TwoStepsDiffer(TinyTorchModel):
    def embed_preprocessed(self, batch):
        return super().embed_preprocessed([item * 0.9 for item in batch])

    def embed_videos(self, videos):
        return super().embed_preprocessed([self.preprocess_clip(clip) for clip in videos])


class ListsOnly(TinyTorchModel):
    def embed_images(self, images):
        return super().embed_images(images[:1] if isinstance(images, np.ndarray) else images)


class AcceptsAnything(MeanColorModel):
    def embed_images(self, images):
        return self.embed_text(["red"] * max(len(images), 1) if images is not None else ["red"])


class RaisesTypeError(MotionModel):
    def embed_text(self, texts):
        if not isinstance(texts, str | list):
            raise TypeError("no text")
        return super().embed_text(texts)


class KeepsMemory(TinyTorchModel):
    def setup(self):
        super().setup()
        self.spare = self._model


class AnswersUnloaded(TinyTorchModel):
    def unload(self):
        """Keep everything."""


class FailsUnready(TinyTorchModel):
    @property
    def network(self):
        return self._model


class ForgetsOnSetup(TinyTorchModel):
    runs = 0

    def setup(self):
        super().setup()
        self.runs += 1
        if self.runs > 1:
            torch.nn.init.normal_(self._model.video.weight)


class Crashes(TinyTorchModel):
    def embed_text(self, texts):
        raise RuntimeError("CUDA error")


PLANTED = [
    (ChannelsSwapped, "known answers", "'moving-square'"),
    (WrongMean, "known answers", "off by"),
    (WrongStd, "known answers", "off by"),
    (RandomWeights, "known answers", "off by"),
    (NotUnit, "unit rows", "clips: lengths are"),
    (NotFinite, "unit rows", "nan"),
    (Half, "float32", "torch.float16"),
    (NumpyOut, "float32", "numpy float32"),
    (OrderChanged, "order", "clips: rows are not in the order"),
    (OrderOfTextsChanged, "order", "texts: rows are not in the order"),
    (BatchDependent, "batch of one", "differ by"),
    (PaddingLeaks, "text padding", "padding leaks in"),
    (NotRepeatable, "repeatable", "two runs differ"),
    (OneRowTooMany, "shape", "4 inputs gave shape (5, 16)"),
    (WrongDim, "shape", "embedding_dim 17"),
    (Constant, "inputs matter", "clips: 4 different inputs got one vector"),
    (TwoStepsDiffer, "two steps", "differ by"),
    (ListsOnly, "input forms", "a stack and a list differ"),
    (KeepsMemory, "unload", "stay after unload()"),
    (AnswersUnloaded, "unload", "held by self._model"),
    (ForgetsOnSetup, "unload", "After setup() vectors differ"),
    (Crashes, "shape", "RuntimeError: CUDA error"),
]


@pytest.mark.parametrize(
    ("planted", "check", "words"), PLANTED, ids=lambda value: getattr(value, "__name__", "")
)
def test_planted_fault__is_found_and_named(tiny_package, planted, check, words):
    found = report_of(planted, tiny_package, unload=check == "unload").check(check)
    assert found.kind == "fault"
    assert not found.passed
    assert words in found.detail


@pytest.mark.parametrize(
    ("planted", "words"),
    [(AcceptsAnything, "a grey picture is accepted"), (RaisesTypeError, "None raises TypeError")],
)
def test_planted_fault__bad_inputs(planted, words):
    found = check_model(planted()).check("bad inputs")
    assert not found.passed
    assert words in found.detail
    assert "models.inputs.as_" in found.detail


def test_frame_order_ignored__is_a_property_and_no_fault(tiny_package):
    class Bag(TinyTorchModel):
        def preprocess_clip(self, frames):
            clip = super().preprocess_clip(frames)
            return clip.mean(dim=0, keepdim=True).expand_as(clip)

    model = Bag.from_pretrained(str(tiny_package.directory))
    report = check_model(model)
    assert report.passed, str(report)
    assert report.check("sees frame order").verdict == "no"
    assert report.check("sees frame order").kind == "property"


def test_red_and_blue_swapped__shows_in_the_names_of_colours():
    class Swapped(MotionModel):
        def embed_videos(self, videos):
            return super().embed_videos(videos)[:, [2, 1, 0, 3, 4, 5]]

    assert check_model(MotionModel()).check("names colours").verdict == "yes"
    assert check_model(Swapped()).check("names colours").verdict == "no"


def test_color_blind__is_seen():
    class Grey(MotionModel):
        def embed_videos(self, videos):
            clips = as_rgb_clips(videos)
            return super().embed_videos(
                [clip.mean(-1, keepdims=True).astype(np.uint8).repeat(3, -1) for clip in clips]
            )

    assert check_model(Grey()).check("sees colour").verdict == "no"


def test_what_a_model_cannot_do__is_not_checked():
    names = {check.name for check in check_model(MeanColorModel()).checks}
    assert "sees frame order" not in names
    assert check_model(MeanColorModel()).check("known answers").verdict == "not checked"

    class Nothing:
        def setup(self):
            """Nothing to load."""

    report = check_model(Nothing())
    assert report.passed
    assert report.check("embeds something").verdict == "no"


def test_a_model_that_is_not_set_up__is_set_up(tiny_package):
    assert check_model(TinyTorchModel(str(tiny_package.directory))).passed


def test_a_model_that_cannot_be_set_up__is_a_report_and_no_crash(tmp_path):
    report = check_model(TinyTorchModel(str(tmp_path)))
    assert not report.passed
    assert "ModelNotReadyError" in report.check("shape").detail


def test_a_model_that_is_ready_only_after_setup__is_set_up_once_it_says_so():
    class Late(MotionModel):
        ready = False

        @property
        def num_frames(self):
            if not self.ready:
                raise ModelNotReadyError("not yet")
            return 4

        def setup(self):
            self.ready = True

        def embed_images(self, images):
            return super().embed_images(images) if self.num_frames else None

    assert check_model(Late()).passed


def test_a_model_whose_setup_fails_late__is_a_report_and_no_crash():
    class Never(MotionModel):
        def embed_images(self, images):
            raise ModelNotReadyError("not yet")

        def setup(self):
            raise OSError("disk full")

    assert "ModelNotReadyError: not yet" in check_model(Never()).check("shape").detail


def test_a_model_whose_attributes_raise__is_a_report_and_no_crash():
    class Broken:
        def __getattr__(self, name):
            raise KeyError(name)

    report = check_model(Broken())
    assert [found.name for found in report.faults] == ["attributes"]
    assert "KeyError" in str(report)


def test_not_ready__is_said_or_not_and_no_fault(tiny_package):
    said = report_of(TinyTorchModel, tiny_package).check("says when it is not ready")
    assert (said.kind, said.verdict) == ("property", "yes")
    unsaid = report_of(FailsUnready, tiny_package)
    assert unsaid.passed
    assert "raises AttributeError" in unsaid.check("says when it is not ready").detail


def test_a_model_that_could_not_be_set_up_again__is_not_unloaded():
    class Plain:
        unloaded = False

        def embed_text(self, texts):
            return MotionModel().embed_text(texts)

        def unload(self):
            self.unloaded = True

    model = Plain()
    assert check_model(model).passed
    assert not model.unloaded


def test_low_precision__is_held_to_what_it_can_do(tiny_package):
    class Low(TinyTorchModel):
        def setup(self):
            super().setup()
            self._model.to(torch.bfloat16)

        def preprocess_clip(self, frames):
            return super().preprocess_clip(frames).bfloat16()

    report = report_of(Low, tiny_package)
    assert report.passed, str(report)


def test_without_unload__the_model_stays_as_it_is(tiny_package):
    model = TinyTorchModel.from_pretrained(str(tiny_package.directory))
    network = model._model
    check_model(model, unload=False)
    assert model._model is network


def test_report__text_html_and_unknown_checks(tiny_package):
    report = report_of(NotUnit, tiny_package)
    assert "has 1 fault" in str(report) or "faults" in str(report)
    assert "FAULT" in str(report)
    assert "<table>" in report._repr_html_()
    with pytest.raises(KeyError, match="there are ids, "):
        report.check("nothing")


def test_report__names_are_escaped(tiny_package):
    model = TinyTorchModel.from_pretrained(str(tiny_package.directory))
    model.model_id = "<img src=x onerror=alert(1)>"
    assert "<img" not in check_model(model)._repr_html_()


def test_planted_fault__a_loader_refuses_other_answers_too(tiny_package):
    register_model("tiny", "embedding", "torch", ChannelsSwapped)
    try:
        with pytest.raises(Exception, match="does not give the vectors"):
            AutoModel.from_pretrained(tiny_package.directory)
    finally:
        unregister_model("tiny", "embedding", "torch")


@pytest.mark.parametrize(("planted", "check"), [("swapped", "colour order"), ("std", "normalisation")])
def test_planted_fault__is_found_although_a_first_load_recorded_its_answers(tmp_path, planted, check):
    class Planted(CLIPEmbedder):
        def preprocess_clip(self, frames):
            pixels = super().preprocess_clip(frames)
            return pixels.flip(1) if planted == "swapped" else pixels

        def _load(self, folder):
            parts = super()._load(folder)
            wrong = replace(parts.preprocessing, std=(0.229, 0.224, 0.225))
            return replace(parts, preprocessing=wrong) if planted == "std" else parts

    model = Planted.from_pretrained(make_tiny_package(tmp_path).directory)
    model.known_answers = tuple(
        record_known_answers(model, texts=["a cat"], clips=[("ramp", (8, 40, 56, 3))])
    )
    report = check_model(model, unload=False)
    assert report.check("known answers").passed
    assert [found.name for found in report.faults] == [check]
