from .base import Tokenizer

__all__ = ["Tokenizer"]
