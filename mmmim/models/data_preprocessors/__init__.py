from .image_preprocessor import ImagePreprocessor

__all__ = ["ImagePreprocessor"]
