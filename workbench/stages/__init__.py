"""Stages and pipelines: the same few lines from a cell to a cluster.

A stage says what it does to a batch (``process``) and what it needs (``Resources``); a pipeline
puts stages in a row; an executor runs them, in this process or elsewhere.
"""

from typing import TYPE_CHECKING

from models.lazy import lazy_exports

if TYPE_CHECKING:
    from workbench.stages.base import NodeInfo, ProcessingStage, WorkerMetadata, processing_stage
    from workbench.stages.composite import CompositeStage, EmbedClipsStage
    from workbench.stages.compute import ClassifyStage, EmbedStage, TextScoreStage
    from workbench.stages.dataset import ImageTextPairDataset
    from workbench.stages.decoding import DecodeStage, SampleStage
    from workbench.stages.embedder import EmbeddingClassifier, ImageEmbedder, RegisteredModelEmbedder
    from workbench.stages.in_process import InProcessExecutor
    from workbench.stages.metrics import StagePerfStats
    from workbench.stages.pipeline import Pipeline
    from workbench.stages.ray_data import RayDataExecutor
    from workbench.stages.resources import Resources
    from workbench.stages.runs import PipelineProgress, PipelineResult
    from workbench.stages.sinks import WriteParquetStage, WriteStoreStage, WriteWebDatasetStage
    from workbench.stages.sources import ReadClipsStage
    from workbench.stages.tasks import ImageBatch, ImageObject, Task, VideoBatch, VideoObject

_EXPORTS = {
    "ClassifyStage": "workbench.stages.compute",
    "CompositeStage": "workbench.stages.composite",
    "DecodeStage": "workbench.stages.decoding",
    "EmbedClipsStage": "workbench.stages.composite",
    "EmbedStage": "workbench.stages.compute",
    "EmbeddingClassifier": "workbench.stages.embedder",
    "ImageBatch": "workbench.stages.tasks",
    "ImageEmbedder": "workbench.stages.embedder",
    "ImageObject": "workbench.stages.tasks",
    "ImageTextPairDataset": "workbench.stages.dataset",
    "InProcessExecutor": "workbench.stages.in_process",
    "NodeInfo": "workbench.stages.base",
    "Pipeline": "workbench.stages.pipeline",
    "PipelineProgress": "workbench.stages.runs",
    "PipelineResult": "workbench.stages.runs",
    "ProcessingStage": "workbench.stages.base",
    "RayDataExecutor": "workbench.stages.ray_data",
    "ReadClipsStage": "workbench.stages.sources",
    "RegisteredModelEmbedder": "workbench.stages.embedder",
    "Resources": "workbench.stages.resources",
    "SampleStage": "workbench.stages.decoding",
    "StagePerfStats": "workbench.stages.metrics",
    "Task": "workbench.stages.tasks",
    "TextScoreStage": "workbench.stages.compute",
    "VideoBatch": "workbench.stages.tasks",
    "VideoObject": "workbench.stages.tasks",
    "WorkerMetadata": "workbench.stages.base",
    "WriteParquetStage": "workbench.stages.sinks",
    "WriteStoreStage": "workbench.stages.sinks",
    "WriteWebDatasetStage": "workbench.stages.sinks",
    "processing_stage": "workbench.stages.base",
}

__all__ = [
    "ClassifyStage",
    "CompositeStage",
    "DecodeStage",
    "EmbedClipsStage",
    "EmbedStage",
    "EmbeddingClassifier",
    "ImageBatch",
    "ImageEmbedder",
    "ImageObject",
    "ImageTextPairDataset",
    "InProcessExecutor",
    "NodeInfo",
    "Pipeline",
    "PipelineProgress",
    "PipelineResult",
    "ProcessingStage",
    "RayDataExecutor",
    "ReadClipsStage",
    "RegisteredModelEmbedder",
    "Resources",
    "SampleStage",
    "StagePerfStats",
    "Task",
    "TextScoreStage",
    "VideoBatch",
    "VideoObject",
    "WorkerMetadata",
    "WriteParquetStage",
    "WriteStoreStage",
    "WriteWebDatasetStage",
    "processing_stage",
]

__getattr__, __dir__ = lazy_exports(__name__, _EXPORTS)
