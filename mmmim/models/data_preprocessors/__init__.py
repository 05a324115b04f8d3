from .image_preprocessor import ImagePreprocessor, statistics_of

__all__ = ["ImagePreprocessor", "statistics_of"]
