_base_ = "default_runtime.py"

custom_hooks = [dict(type="mmmim.PretrainedReportHook", strict=True)]
