"""Use mmmim from Python: list and load models, embed and reconstruct images, train."""

from .embedding import Embeddings, embed
from .models import ImageEncoder, get_model, list_models, load_encoder
from .reconstruction import Reconstruction, reconstruct
from .training import TrainingResult, train

__all__ = [
    "Embeddings",
    "ImageEncoder",
    "Reconstruction",
    "TrainingResult",
    "embed",
    "get_model",
    "list_models",
    "load_encoder",
    "reconstruct",
    "train",
]
