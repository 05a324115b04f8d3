from .base import Tokenizer
from .dalle import DALLETokenizer
from .tiny_dvae import TinyDVAE
from .vqgan import VQGANTokenizer

__all__ = ["DALLETokenizer", "TinyDVAE", "Tokenizer", "VQGANTokenizer"]
