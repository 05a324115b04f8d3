# For methods with a slow encoder. Among the default hooks, so that a config's own `custom_hooks` does not replace it.
_base_ = "default_runtime.py"

default_hooks = dict(momentum=dict(type="MomentumUpdateHook"))
