from .batch_augment import ClsBatchAugment
from .image_classifier import ImageClassifier

__all__ = ["ClsBatchAugment", "ImageClassifier"]
