"""The engines that can run a network, by name."""

from enum import StrEnum

from models.errors import UnknownBackendTypeError


class BackendType(StrEnum):
    """What runs a model's network. Asked for by its value, in any case."""

    TORCH = "torch"
    TORCH_SCRIPT = "torch-script"
    ONNX = "onnx"
    OPENVINO = "openvino"
    TRT = "trt"
    HUGGING_FACE = "hugging-face"
    CUSTOM = "custom"

    @classmethod
    def parse(cls, value: "str | BackendType") -> "BackendType":
        """Read a backend from a name.

        Args:
            value: A backend, or its name in any case.

        Returns:
            The backend.

        Raises:
            UnknownBackendTypeError: If there is no such backend; the message lists all.

        Example:
            >>> BackendType.parse("ONNX")
            <BackendType.ONNX: 'onnx'>
        """
        if isinstance(value, str):
            for backend in cls:
                if value.strip().lower().replace("_", "-") == backend.value:
                    return backend
        raise UnknownBackendTypeError(
            f"Unknown backend {value!r}.", next_step=f"Backends are {', '.join(cls)} (in any case)."
        )
