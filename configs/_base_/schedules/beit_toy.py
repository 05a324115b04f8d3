# BEiT's schedule in small; fp32, as CPUs like it.
_base_ = ["conmim_toy.py"]
