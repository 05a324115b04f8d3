_base_ = "default_runtime.py"
recipe = dict(task="finetune")

custom_hooks = [dict(type="mmmim.PretrainedReportHook", strict=True)]
