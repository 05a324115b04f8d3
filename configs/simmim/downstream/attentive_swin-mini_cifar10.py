# Attentive probe of the frozen encoder.
_base_ = "../../_base_/recipes/attentive_swin_mini.py"
