# 384 pixels for a tenth of the epochs (ConMIM, Table 1), from what ft_vit-b_100e_in1k.py wrote, head included. The lr
# is ours, as ConMIM's.
_base_ = "../../conmim/downstream/ft384_vit-b_10e_in1k.py"
