"""check_model on models of strangers: no false alarm on good ones, each planted fault found and named."""

import functools

import numpy as np
import pytest
import torch

from models.categories import ObjectDetectionModel
from models.conformance import check_model
from models.errors import ModelInputError, ModelNotReadyError
from models.inputs import as_rgb_images, as_texts
from models.known_answer_recording import usual_answers
from tests.contract.foreign_models import (
    Autocast,
    HalfCompute,
    InConstructor,
    NoBase,
    Numbers,
    Palette,
    Recurrent,
    Still,
    Wrapper,
    seeded,
)
from tests.fakes import MeanColorModel, MotionModel


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clip")
    Wrapper.write_config(folder)
    return folder


def build(kind, folder):
    model = kind(folder) if issubclass(kind, Wrapper) else kind()
    if hasattr(model, "setup"):
        model.setup()
    return model


GOOD = [
    Still,
    Wrapper,
    Recurrent,
    NoBase,
    InConstructor,
    HalfCompute,
    Autocast,
    Palette,
    MeanColorModel,
    MotionModel,
]


@pytest.mark.parametrize("kind", GOOD)
def test_good_model__has_no_fault_with_and_without_known_answers(kind, folder):
    model = build(kind, folder)
    report = check_model(model)
    assert report.passed, str(report)
    assert report.check("known answers").verdict == "not checked"
    assert "random weights" in report.check("known answers").detail
    model.known_answers = usual_answers(model)
    report = check_model(model)
    assert report.passed, str(report)
    assert report.check("known answers").verdict == "ok"


def test_good_model__that_is_a_module_itself():
    report = check_model(seeded(Numbers))
    assert report.passed, str(report)
    assert "no unload" in report.check("unload").detail


class SwappedStill(Still):
    def pixels(self, image):
        return super().pixels(image[..., ::-1].copy())


class SwappedWrapper(Wrapper):
    def prepare(self, image):
        return super().prepare(image[..., ::-1])


class SwappedPalette(Palette):
    def read(self, images):
        return [image[..., ::-1] for image in as_rgb_images(images)]


class SwappedColors(MeanColorModel):
    def embed_images(self, images):
        return super().embed_images([image[..., ::-1].copy() for image in as_rgb_images(images)])


class WrongMean(Still):
    used_mean = (0.4815, 0.4578, 0.308)


class WrongStd(Wrapper):
    used_std = (0.5, 0.5, 0.5)


class MeanBackwards(Wrapper):
    used_mean, used_std = Wrapper.used_mean[::-1], Wrapper.used_std[::-1]


class NotScaled(Wrapper):
    def prepare(self, image):
        pixels = super().prepare(image)
        return (
            pixels * torch.tensor(self.used_std)[:, None, None] + torch.tensor(self.used_mean)[:, None, None]
        )


class Long(Still):
    def finish(self, rows):
        return rows


class HalfOut(Recurrent):
    def finish(self, rows):
        return super().finish(rows).half()


class DoubleOut(Wrapper):
    def finish(self, rows):
        return super().finish(rows).double()


class SortedTexts(Wrapper):
    def embed_text(self, texts):
        return super().embed_text(sorted(as_texts(texts), key=len))


class LastBatchFirst(Still):
    def finish(self, rows):
        return super().finish(rows.roll(1, dims=0))


class DropsTheRest(Still):
    def embed_images(self, images):
        return super().embed_images(as_rgb_images(images)[:32])


class BatchNorm(Still):
    def setup(self):
        super().setup()
        self._model.insert(1, torch.nn.BatchNorm2d(16)).train()
        self._model[5].eval()


class BatchCentred(Recurrent):
    def finish(self, rows):
        return super().finish(rows - 0.1 * rows.mean(0))


class PaddingLeaks(Wrapper):
    def embed_text(self, texts):
        codes = [[min(ord(letter), 127) for letter in text[:120]] for text in as_texts(texts)]
        length = max(map(len, codes))
        ids = torch.tensor([[0] * (length - len(code)) + [*code, 2] for code in codes])
        with torch.no_grad():
            return self.finish(self.clip.get_text_features(input_ids=ids).pooler_output)


class PaddingPooled(Recurrent):
    def embed_text(self, texts):
        codes = [torch.tensor([min(ord(letter), 127) for letter in text]) for text in as_texts(texts)]
        padded = torch.nn.utils.rnn.pad_sequence(codes, batch_first=True)
        with torch.inference_mode():
            return self.finish(self.ready["read"](self.ready["letters"](padded))[1][0])


class DropoutOn(Still):
    def setup(self):
        super().setup()
        self._model.train()


class DrawsAnew(Still):
    def setup(self):
        self._model = self.network().eval()


class TakesGrey(Still):
    def embed_images(self, images):
        if isinstance(images, list):
            images = [np.stack([i] * 3, -1) if getattr(i, "ndim", 0) == 2 else i for i in images]
        return super().embed_images(images)


class TakesNothing(Recurrent):
    def embed_text(self, texts):
        return super().embed_text(texts) if texts != [] else torch.zeros(0, 12)


class OtherPil(Still):
    def embed_images(self, images):
        if isinstance(images, list) and hasattr(images[0] if images else None, "convert"):
            images = [np.asarray(image)[..., ::-1].copy() for image in images]
        return super().embed_images(images)


class KeepsItsTextTower(Recurrent):
    def setup(self):
        super().setup()
        self.text = self._model["letters"], self._model["read"]


@functools.cache
def cached_network():
    return seeded(Still.network)


class InFunctionCache(Still):
    def setup(self):
        self._model = cached_network()


class BehindADecorator(Still):
    def setup(self):
        NETWORKS.setdefault("behind", seeded(self.network))
        self._model = True

    def unload(self):
        self._model = None

    @torch.inference_mode()
    def embed_images(self, images):
        read = as_rgb_images(images)
        if self._model is None:
            raise ModelNotReadyError("Call setup().")
        return self.finish(NETWORKS["behind"](torch.stack([self.pixels(image) for image in read])))


class ReadyMade(Still):
    """Everything is made in the constructor; there is nothing to set up."""

    def __init__(self):
        self._model = seeded(self.network)

    def setup(self):
        """Nothing to do."""


class ReadyMadeAndKept(ReadyMade):
    def unload(self):
        """Forget to."""


class ReadyMadeTwice(ReadyMade):
    def __init__(self):
        super().__init__()
        self.again = seeded(self.network)


NETWORKS: dict[str, torch.nn.Module] = {}
EVERYTHING: list[torch.nn.Module] = []


class InGlobalCache(Still):
    def setup(self):
        self._model = NETWORKS.setdefault("still", seeded(self.network))


class InGlobalList(Still):
    def setup(self):
        super().setup()
        EVERYTHING.append(self._model)


class InClass(Still):
    kept = None

    def setup(self):
        super().setup()
        type(self).kept = self._model


class InClosure(Recurrent):
    def setup(self):
        super().setup()
        network = self._model
        self.again = lambda: network


class OnlyStateDict(Wrapper):
    def setup(self):
        super().setup()
        self.state = {name: value.numpy() for name, value in self.clip.state_dict().items()}


class NeverUnloads(Wrapper):
    def unload(self):
        """Forget to."""


class BigConstructor(InConstructor):
    def __init__(self):
        super().__init__()
        self.big = torch.zeros(2**20)


PLANTED = [
    (SwappedStill, "colour order", "BGR reaches the network"),
    (SwappedWrapper, "colour order", "BGR reaches the network"),
    (SwappedPalette, "colour order", "calls red blue"),
    (SwappedColors, "colour order", "calls red blue"),
    (WrongMean, "normalisation", "model.mean/std states"),
    (WrongStd, "normalisation", "preprocessor_config.json states"),
    (MeanBackwards, "normalisation", "preprocessor_config.json states"),
    (NotScaled, "normalisation", "preprocessor_config.json states"),
    (Long, "unit rows", "not 1"),
    (HalfOut, "float32", "clips: torch torch.float16 came"),
    (DoubleOut, "float32", "texts: torch torch.float64 came"),
    (SortedTexts, "order", "texts: rows are not in the order"),
    (LastBatchFirst, "order", "images: rows are not in the order"),
    (DropsTheRest, "batch of one", "33 inputs in one call gave 32 rows"),
    (BatchNorm, "batch of one", "call eval()"),
    (BatchCentred, "batch of one", "clips: alone and in a batch differ"),
    (PaddingLeaks, "text padding", "padding leaks in"),
    (PaddingPooled, "text padding", "padding leaks in"),
    (DropoutOn, "repeatable", "call eval()"),
    (DrawsAnew, "unload", "setup() must load the weights"),
    (TakesGrey, "bad inputs", "a grey picture is accepted"),
    (TakesNothing, "bad inputs", "an empty list is accepted"),
    (OtherPil, "input forms", "PIL images and arrays differ"),
    (InGlobalCache, "unload", "held by the global NETWORKS"),
    (InGlobalList, "unload", "held by the global EVERYTHING"),
    (InClass, "unload", "held by InClass.kept"),
    (InClosure, "unload", "held by self.again"),
    (OnlyStateDict, "unload", "held by self.state"),
    (NeverUnloads, "unload", "held by self.clip"),
    (KeepsItsTextTower, "unload", "held by self.text"),
    (InFunctionCache, "unload", "held by the global cached_network"),
    (BehindADecorator, "unload", "held by the global NETWORKS"),
    (ReadyMadeAndKept, "unload", "held by self._model"),
    (ReadyMadeTwice, "unload", "held by self.again"),
    (BigConstructor, "unload", "held by self.big"),
]
SURE_WITH_ANSWERS = {
    SwappedStill,
    SwappedWrapper,
    SwappedPalette,
    SwappedColors,
    WrongMean,
    WrongStd,
    MeanBackwards,
}


@pytest.mark.parametrize(
    ("planted", "check", "words"), PLANTED, ids=lambda value: getattr(value, "__name__", "")
)
def test_planted_fault__is_found_without_known_answers(planted, check, words, folder):
    found = check_model(build(planted, folder), unload=check == "unload").check(check)
    assert found.verdict == "FAULT"
    assert words in found.detail


@pytest.mark.parametrize("planted", sorted(SURE_WITH_ANSWERS, key=str))
def test_planted_fault__is_found_by_known_answers(planted, folder):
    answers = usual_answers(build(planted.__mro__[1], folder))
    model = build(planted, folder)
    model.known_answers = answers
    report = check_model(model, unload=False)
    found = report.check("known answers")
    assert found.verdict == "FAULT"
    assert "off by" in found.detail
    assert "mean, std, size" in found.detail
    assert (report.check("colour order").verdict == "FAULT") == planted.__name__.startswith("Swapped")


@pytest.mark.parametrize("kind", [Still, Wrapper, Recurrent])
def test_random_weights__are_found_by_known_answers_only(kind, folder):
    answers = usual_answers(build(kind, folder))

    class Random(kind):
        def setup(self):
            super().setup()
            with torch.no_grad():
                for weights in (self.clip if kind is Wrapper else self._model).parameters():
                    weights.copy_(torch.randn(weights.shape, generator=torch.manual_seed(11)) * 0.1)

    model = build(Random, folder)
    assert check_model(model, unload=False).passed
    model.known_answers = answers
    found = check_model(model, unload=False).check("known answers")
    assert not found.passed
    assert "random" in found.detail


def test_fault__on_one_object_only_is_found_too(folder):
    model = build(Wrapper, folder)
    good = model.embed_images
    model.known_answers = usual_answers(model)
    model.embed_images = lambda images: good([image[..., ::-1].copy() for image in as_rgb_images(images)])
    assert not check_model(model, unload=False).check("known answers").passed


def test_network_trained_on_bgr__says_so():
    class Trained(SwappedStill):
        channel_order = "BGR"
        mean, std = Still.mean[::-1], Still.std[::-1]
        used_mean, used_std = Still.mean[::-1], Still.std[::-1]

    report = check_model(build(Trained, None))
    assert report.passed, str(report)


def test_unstated_normalisation__is_said_plainly():
    report = check_model(build(Recurrent, None), unload=False)
    assert report.check("normalisation").verdict == "not checked"
    assert "the values of -1..1" in report.check("normalisation").detail


def test_a_model_without_layers__is_said_plainly():
    report = check_model(NoBase())
    assert report.check("colour order").verdict == "not checked"
    assert "no setup" in report.check("unload").detail


@pytest.mark.parametrize("thing", [Still, "workbench/spriteclip-tiny", None, 3])
def test_what_is_no_model__gets_a_plain_message(thing):
    report = check_model(thing)
    assert not report.passed
    assert "pass a loaded model" in str(report) or "is no model" in str(report)


def test_frame_order__is_a_property(folder):
    assert check_model(build(Recurrent, folder), unload=False).check("sees frame order").verdict == "yes"
    assert check_model(build(Autocast, folder), unload=False).check("sees frame order").kind == "property"


def test_a_model_of_another_category__gets_a_plain_message():
    class Boxes(ObjectDetectionModel):
        @classmethod
        def from_pretrained(cls, model_name_or_path, **kwargs):
            return cls()

        class_names = ("ball",)

        def pre_process(self, images, **kwargs):
            return images, {}

        def forward(self, pre_processed_images, **kwargs):
            return pre_processed_images

        def post_process(self, model_results, pre_processing_meta, **kwargs):
            return []

    report = check_model(Boxes())
    assert report.passed, str(report)
    said = report.check("embeds something")
    assert said.verdict == "no"
    assert "ObjectDetectionModel" in said.detail
    assert "nothing was checked" in said.detail


def test_a_model_that_refuses_words_it_does_not_know__is_no_fault():
    class Strict(Palette):
        def embed_text(self, texts):
            read = as_texts(texts)
            if any("qzxv" in text or "magenta" in text for text in read):
                raise ModelInputError("I do not know that word.")
            return super().embed_text(read)

    report = check_model(Strict())
    assert report.passed, str(report)


def test_a_model_that_cannot_take_long_texts__is_no_fault():
    class Short(Recurrent):
        def embed_text(self, texts):
            if any(len(text.split()) > 10 for text in as_texts(texts)):
                raise ModelInputError("At most ten words.")
            return super().embed_text(texts)

    report = check_model(build(Short, None))
    assert report.passed, str(report)


def test_a_model_that_is_ready_made__is_as_usable_afterwards():
    model = ReadyMade()
    report = check_model(model)
    assert report.passed, str(report)
    assert report.check("unload").verdict == "ok"
    assert model.embed_images(np.zeros((8, 8, 3), np.uint8)).shape == (1, 24)


def test_a_model_that_cannot_even_say_its_name__is_a_report_and_no_crash():
    class Broken(Still):
        @property
        def model_id(self):
            raise RuntimeError("no")

    report = check_model(build(Broken, None))
    assert report.model_id == "Broken"
    assert not report.passed


def test_constants__may_stay_even_beside_a_tiny_network():
    class Constants(InConstructor):
        mean = torch.tensor(Still.mean)

        def __init__(self):
            self._model = None
            self.scale = torch.ones(6)

        def setup(self):
            self._model = seeded(lambda: torch.nn.Linear(12, 2))

        @property
        def net(self):
            return self._model

        def embed_images(self, images):
            images = as_rgb_images(images)
            if self._model is None:
                raise ModelNotReadyError("Call setup().")
            return super().embed_images(images)

    report = check_model(build(Constants, None))
    assert report.passed, str(report)


def test_code_without_a_module__is_looked_into_too():
    """As when a class is defined by exec, or in a notebook."""
    names = {"Still": Still, "seeded": seeded}
    source = """
KEPT = {}
class Mine(Still):
    def setup(self):
        self._model = KEPT.setdefault(1, seeded(self.network))
"""
    exec(source, names)
    found = check_model(build(names["Mine"], None)).check("unload")
    assert "held by the global KEPT" in found.detail
