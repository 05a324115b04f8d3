"""mmmim: self-supervised pre-training by masked and corrupted image modelling."""

__version__ = "0.1.0"
