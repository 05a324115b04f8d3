# Pre-training in minutes on the built-in pictures.
_base_ = "default_runtime.py"
recipe = dict(scale="toy")
