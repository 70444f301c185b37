"""What a vector's origin says."""

from tests.fakes import MeanColorModel
from workbench.engine.adapter import adapt
from workbench.engine.provenance import provenance_of


def noted(model):
    adapted = adapt(model)
    return provenance_of(adapted, adapted.space(4), 4)


def test_provenance_of__notes_what_the_model_states():
    model = MeanColorModel()
    model.dtype, model.dtype_reason, model.backend, model.package_hash = (
        "bfloat16",
        "faster",
        "onnx",
        "ab" * 32,
    )
    facts = noted(model)
    assert (facts["dtype"], facts["dtype_reason"], facts["backend"]) == ("bfloat16", "faster", "onnx")
    assert facts["package"] == "ab" * 32
    assert facts["frames"] == 4


def test_provenance_of__leaves_out_what_is_not_known():
    facts = noted(MeanColorModel())
    assert not {"dtype_reason", "package"} & set(facts)
    assert facts["versions"]["torch"]
