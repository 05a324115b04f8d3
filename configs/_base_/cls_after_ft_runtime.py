# For classifiers that go on from a fine-tuned one: a checkpoint of pre-training is refused.
_base_ = "default_runtime.py"
recipe = dict(task="finetune")

custom_hooks = [dict(type="mmmim.PretrainedReportHook", strict=True, stage="ft")]
