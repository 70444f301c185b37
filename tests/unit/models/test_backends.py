import pytest

from models.backends import BackendType
from models.errors import UnknownBackendTypeError


@pytest.mark.parametrize("text", ["torch-script", "Torch-Script", " TORCH_SCRIPT ", BackendType.TORCH_SCRIPT])
def test_parse__any_case(text):
    assert BackendType.parse(text) is BackendType.TORCH_SCRIPT


@pytest.mark.parametrize("text", ["tensorflow", "", None, 3])
def test_parse__unknown_lists_the_valid_ones(text):
    with pytest.raises(UnknownBackendTypeError) as caught:
        BackendType.parse(text)
    assert "torch, torch-script, onnx, openvino, trt, hugging-face, custom" in str(caught.value)


def test_members__are_strings():
    assert [str(member) for member in BackendType] == [
        "torch",
        "torch-script",
        "onnx",
        "openvino",
        "trt",
        "hugging-face",
        "custom",
    ]
    assert {("a", "b", BackendType.TORCH): 1}["a", "b", "torch"] == 1
