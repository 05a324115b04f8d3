# Attentive probe of the frozen encoder.
_base_ = "../../_base_/recipes/attentive_resnet_mini.py"
