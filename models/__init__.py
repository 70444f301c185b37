"""What an embedding model is, and how to get one.

Importing this package loads neither torch nor transformers: each public name is imported
from its own module when it is first used.
"""

from typing import TYPE_CHECKING

from models.lazy import lazy_exports

if TYPE_CHECKING:
    from models.auto import AutoModel
    from models.base import (
        EmbeddingSpace,
        ImageEmbeddingModel,
        ModelInterface,
        TextImageEmbeddingModel,
        VideoTextEmbeddingModel,
        model_ids,
    )
    from models.catalog import ModelCard
    from models.categories import (
        ClassificationModel,
        DepthEstimationModel,
        InstanceSegmentationModel,
        KeyPointsDetectionModel,
        MultiLabelClassificationModel,
        ObjectDetectionModel,
        OpenVocabularyObjectDetectionModel,
        SemanticSegmentationModel,
        StructuredOCRModel,
        TextOnlyOCRModel,
    )
    from models.conformance import ConformanceReport, check_model
    from models.export import export_package
    from models.loader.description import ModelDescription
    from models.packages import (
        DownloadPlan,
        DownloadProgress,
        DownloadStoppedError,
        VerificationReport,
        download_package,
        is_installed,
        offline,
        plan_download,
        remove_package,
        verify_package,
    )
    from models.predictions import (
        ClassificationPrediction,
        DepthMap,
        Detections,
        InstanceDetections,
        KeyPoints,
        MultiLabelClassificationPrediction,
        SemanticSegmentationResult,
    )
    from models.registry import BackendType, LazyClass, RegistryEntry, register_model
    from models.runtime import describe_runtime

_EXPORTS = {
    "AutoModel": "models.auto",
    "BackendType": "models.registry",
    "ClassificationModel": "models.categories",
    "ClassificationPrediction": "models.predictions",
    "ConformanceReport": "models.conformance",
    "DepthEstimationModel": "models.categories",
    "DepthMap": "models.predictions",
    "Detections": "models.predictions",
    "DownloadPlan": "models.packages",
    "DownloadProgress": "models.packages",
    "DownloadStoppedError": "models.packages",
    "EmbeddingSpace": "models.base",
    "ImageEmbeddingModel": "models.base",
    "InstanceDetections": "models.predictions",
    "InstanceSegmentationModel": "models.categories",
    "KeyPoints": "models.predictions",
    "KeyPointsDetectionModel": "models.categories",
    "LazyClass": "models.registry",
    "ModelCard": "models.catalog",
    "ModelDescription": "models.loader.description",
    "ModelInterface": "models.base",
    "MultiLabelClassificationModel": "models.categories",
    "MultiLabelClassificationPrediction": "models.predictions",
    "ObjectDetectionModel": "models.categories",
    "OpenVocabularyObjectDetectionModel": "models.categories",
    "RegistryEntry": "models.registry",
    "SemanticSegmentationModel": "models.categories",
    "SemanticSegmentationResult": "models.predictions",
    "StructuredOCRModel": "models.categories",
    "TextImageEmbeddingModel": "models.base",
    "TextOnlyOCRModel": "models.categories",
    "VerificationReport": "models.packages",
    "VideoTextEmbeddingModel": "models.base",
    "check_model": "models.conformance",
    "describe_runtime": "models.runtime",
    "download_package": "models.packages",
    "export_package": "models.export",
    "is_installed": "models.packages",
    "model_ids": "models.base",
    "offline": "models.packages",
    "plan_download": "models.packages",
    "register_model": "models.registry",
    "remove_package": "models.packages",
    "verify_package": "models.packages",
}

__all__ = [
    "AutoModel",
    "BackendType",
    "ClassificationModel",
    "ClassificationPrediction",
    "ConformanceReport",
    "DepthEstimationModel",
    "DepthMap",
    "Detections",
    "DownloadPlan",
    "DownloadProgress",
    "DownloadStoppedError",
    "EmbeddingSpace",
    "ImageEmbeddingModel",
    "InstanceDetections",
    "InstanceSegmentationModel",
    "KeyPoints",
    "KeyPointsDetectionModel",
    "LazyClass",
    "ModelCard",
    "ModelDescription",
    "ModelInterface",
    "MultiLabelClassificationModel",
    "MultiLabelClassificationPrediction",
    "ObjectDetectionModel",
    "OpenVocabularyObjectDetectionModel",
    "RegistryEntry",
    "SemanticSegmentationModel",
    "SemanticSegmentationResult",
    "StructuredOCRModel",
    "TextImageEmbeddingModel",
    "TextOnlyOCRModel",
    "VerificationReport",
    "VideoTextEmbeddingModel",
    "check_model",
    "describe_runtime",
    "download_package",
    "export_package",
    "is_installed",
    "model_ids",
    "offline",
    "plan_download",
    "register_model",
    "remove_package",
    "verify_package",
]

__getattr__, __dir__ = lazy_exports(__name__, _EXPORTS)
