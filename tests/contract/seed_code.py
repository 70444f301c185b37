"""The code blocks of the seeds, word for word, and the way to run them with other import lines."""

import re
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager

# What stands on an import line of the seeds -> where it stands here.
IMPORTS = {
    "nemo_curator.models.base": "models.base",
    "nemo_curator.stages.base": "workbench.stages.base",
    "nemo_curator.tasks": "workbench.stages",
    "nemo_curator.image.embedders": "workbench.stages",
    "inference_models.developer_tools": "models.developer_tools",
    "inference_models.utils.imports": "models.registry",
    "inference_models": "models",
}

MY_MODEL = """
from typing import Optional

import numpy as np
import numpy.typing as npt
import torch

from nemo_curator.models.base import ModelInterface

WEIGHTS_MODEL_ID = "example/my-model"


class MyCore(torch.nn.Module):
    def __init__(self, resolution: int = 224):
        super().__init__()
        self.resolution = resolution
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        # Initialize your network here
        self.net = torch.nn.Identity().to(self.device)

    @torch.no_grad()
    def __call__(self, x: npt.NDArray[np.float32]) -> torch.Tensor:
        tensor = torch.from_numpy(x).to(self.device).float()
        return self.net(tensor)


class MyModel(ModelInterface):
    def __init__(self, model_dir: str, resolution: int = 224) -> None:
        self.model_dir = model_dir
        self.resolution = resolution
        self._model: Optional[MyCore] = None

    def model_id_names(self) -> list[str]:
        return [WEIGHTS_MODEL_ID]

    def setup(self) -> None:
        # Load weights from self.model_dir/WEIGHTS_MODEL_ID if needed
        self._model = MyCore(self.resolution)
        self._model.eval()
"""

INTERFACE = '''
class ModelInterface(abc.ABC):
    """Abstract base class for models used inside stages."""

    @property
    @abc.abstractmethod
    def model_id_names(self) -> list[str]:
        """Return a list of model IDs associated with this model (for example, Hugging Face IDs)."""

    @abc.abstractmethod
    def setup(self) -> None:
        """Set up the model (load weights, allocate resources)."""
'''

DETECTOR = '''
from typing import List, Tuple, Union
import torch
import numpy as np
from inference_models import ObjectDetectionModel, Detections

class YourObjectDetectionModel(ObjectDetectionModel[torch.Tensor, dict, torch.Tensor]):
    """Your object detection model implementation."""

    @classmethod
    def from_pretrained(
        cls,
        model_name_or_path: str,
        **kwargs
    ) -> "YourObjectDetectionModel":
        # Load model files from model_name_or_path
        device = kwargs.get("device", "cuda" if torch.cuda.is_available() else "cpu")
        return cls(model_path=model_name_or_path, device=device)

    def __init__(self, model_path: str, device: str = "cuda"):
        self.device = device
        self._class_names = []  # Load from metadata
        # Load model weights

    @property
    def class_names(self) -> List[str]:
        return self._class_names

    def pre_process(
        self,
        images: Union[torch.Tensor, List[torch.Tensor], np.ndarray, List[np.ndarray]],
        **kwargs
    ) -> Tuple[torch.Tensor, dict]:
        # Preprocess images and return preprocessing metadata
        pass

    def forward(self, pre_processed_images: torch.Tensor, **kwargs) -> torch.Tensor:
        # Run model inference
        pass

    def post_process(
        self,
        model_results: torch.Tensor,
        pre_processing_meta: dict,
        **kwargs
    ) -> List[Detections]:
        # Convert raw outputs to Detections
        pass
'''

STANDALONE = '''
from typing import List, Union
import torch
import numpy as np

class YourUniqueModel:
    """Model with unique interface not fitting standard categories."""

    @classmethod
    def from_pretrained(
        cls,
        model_name_or_path: str,
        **kwargs
    ) -> "YourUniqueModel":
        return cls(model_path=model_name_or_path, **kwargs)

    def __init__(self, model_path: str, **kwargs):
        # Initialize model
        pass

    def __call__(self, images, **kwargs):
        # Your custom inference logic
        pass

    # Add any task-specific methods your model needs
    def task_a(self, images, **kwargs):
        pass

    def task_b(self, images, **kwargs):
        pass
'''

TABLE = """
from inference_models.utils.imports import LazyClass

REGISTERED_MODELS: Dict[
    Tuple[ModelArchitecture, TaskType, BackendType], Union[LazyClass, RegistryEntry]
] = {
    # ... existing entries ...

    # Add your model - simple entry
    ("your-model", "object-detection", BackendType.ONNX): LazyClass(
        module_name="inference_models.models.your_model.model",
        class_name="YourModel",
    ),

    # If you have multiple backends, add entries for each
    ("your-model", "object-detection", BackendType.TORCH): LazyClass(
        module_name="inference_models.models.your_model.model_torch",
        class_name="YourModelTorch",
    ),
}
"""

ENTRY = """
("your-model", "object-detection", BackendType.ONNX): RegistryEntry(
    model_class=LazyClass(
        module_name="inference_models.models.your_model.model",
        class_name="YourModel",
    ),
    supported_model_features={"nms_fused", "dynamic_batching"},
),
"""

CONTENTS = """
from inference_models.developer_tools import get_model_package_contents

@classmethod
def from_pretrained(cls, model_name_or_path: str, **kwargs):
    # Get all files from the model package
    package_contents = get_model_package_contents(model_name_or_path)

    # Access specific files
    weights_path = package_contents["model.onnx"]
    config_path = package_contents["config.json"]

    return cls(weights_path=weights_path, config_path=config_path, **kwargs)
"""

CUSTOM_STAGE = """
from dataclasses import dataclass
import numpy as np
import torch
from nemo_curator.stages.base import ProcessingStage
from nemo_curator.tasks import ImageBatch

@dataclass
class MyCustomEmbeddingStage(ProcessingStage[ImageBatch, ImageBatch]):
    model_path: str
    batch_size: int = 32
    num_gpus_per_worker: float = 0.25
    _name: str = "my_custom_embedding"

    def setup(self, worker_metadata=None):
        # Load your custom model
        self.model = self.load_my_model(self.model_path)
       \x20
    def load_my_model(self, model_path):
        # Implement your model loading logic
        # Return a callable that takes image data and returns embeddings
        pass
       \x20
    def process(self, task: ImageBatch) -> ImageBatch:
        # Process images in batches
        for i in range(0, len(task.data), self.batch_size):
            batch = task.data[i:i + self.batch_size]
           \x20
            # Extract image data
            images = [img.image_data for img in batch]
           \x20
            # Generate embeddings using your model
            embeddings = self.model(images)
           \x20
            # Store embeddings in ImageObjects
            for j, img_obj in enumerate(batch):
                img_obj.embedding = embeddings[j]
               \x20
        return task
"""

USAGE = """
# Usage in pipeline
pipeline.add_stage(MyCustomEmbeddingStage(
    model_path="/path/to/my/model",
    batch_size=16,
    num_gpus_per_worker=0.5,
))
"""

EMBEDDER = """
from nemo_curator.image.embedders import ImageEmbedder

class MyCustomEmbedder(ImageEmbedder):
    def load_dataset_shard(self, tar_path: str):
        # Implement your custom data loading logic here
        pass

    def load_embedding_model(self, device: str):
        # Load and return your model here
        pass
"""

BLOCKS = {
    "000": (MY_MODEL, INTERFACE),
    "001": (CUSTOM_STAGE, USAGE),
    "002": (EMBEDDER,),
    "003": (DETECTOR, STANDALONE, TABLE, ENTRY, CONTENTS),
}


def with_our_imports(block: str) -> str:
    """Change the import lines of a block, and nothing else."""
    return re.sub(
        rf"^from ({'|'.join(map(re.escape, IMPORTS))}) import ",
        lambda found: f"from {IMPORTS[found[1]]} import ",
        block,
        flags=re.MULTILINE,
    )


def filled_in(block: str, bodies: dict[str, str]) -> str:
    """Write code where a block leaves ``pass``: comment or line above it -> body."""
    for above, body in bodies.items():
        empty = re.compile(rf"^( +){re.escape(above)}\n\1pass$", re.MULTILINE)
        if not empty.search(block):
            raise ValueError(f"The block has no `pass` under {above!r}.")
        code = f"{above}\n{body}"
        block = empty.sub(lambda found, code=code: _indented(code, found[1]), block, count=1)
    return block


@contextmanager
def module(name: str, source: str, **given: object) -> Iterator[types.ModuleType]:
    """Run a block as a module that can be imported by its name."""
    made = types.ModuleType(name)
    vars(made).update(given)
    sys.modules[name] = made
    try:
        exec(compile(source, name, "exec"), vars(made))
        yield made
    finally:
        del sys.modules[name]


def _indented(text: str, indent: str) -> str:
    return "\n".join(f"{indent}{line}" if line else line for line in text.split("\n"))
