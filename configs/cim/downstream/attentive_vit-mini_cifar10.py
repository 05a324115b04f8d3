# Attentive probe of the frozen encoder.
_base_ = "../../_base_/recipes/attentive_cim-vit_mini.py"
