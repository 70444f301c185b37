"""Errors that are ours and also the built-in types that the reference class raises."""

from models.errors import ModelInputError, ModelNotReadyError

__all__ = ["FrameShapeError", "FrameTypeError", "NetworkMissingError"]


class NetworkMissingError(ModelNotReadyError, AttributeError, AssertionError):
    """InternVideo2 was asked for something that its ``setup`` has not prepared.

    Occurs: before ``setup()``, after ``unload()``, or when the network is needed by an object
    made with ``utils_only=True``.
    What to do: call ``setup()``; make the object without ``utils_only``.
    """


class FrameShapeError(ModelInputError, RuntimeError):
    """An array of prepared frames, or of vectors, has a shape that the network cannot take.

    Occurs: another number of frames, another size of picture, more labels asked for than there are.
    What to do: pass what ``formulate_input_frames`` returned; see the message for the shape.
    """


class FrameTypeError(ModelInputError, TypeError):
    """Prepared frames are no NumPy array of floats.

    Occurs: a torch tensor, a list, or integers reach ``encode_video_frames``.
    What to do: pass the array that ``formulate_input_frames`` returned.
    """
