"""Child registries of MMEngine's roots, scope ``mmmim``.

A lookup of ``mmmim.X`` from any scope imports the ``locations`` first, so ``type='mmmim.ViT'`` works from
MMSegmentation and MMDetection configs without ``custom_imports``.
"""

from mmengine import registry as root
from mmengine.registry import Registry


def _child(name: str, parent: Registry, *locations: str) -> Registry:
    return Registry(name, parent=parent, scope="mmmim", locations=list(locations))


MODELS = _child("model", root.MODELS, "mmmim.models")
DATASETS = _child("dataset", root.DATASETS, "mmmim.datasets")
DATA_SAMPLERS = _child("data sampler", root.DATA_SAMPLERS, "mmmim.datasets")
TRANSFORMS = _child("transform", root.TRANSFORMS, "mmmim.datasets")
HOOKS = _child("hook", root.HOOKS, "mmmim.engine", "mmmim.evaluation")
LOOPS = _child("loop", root.LOOPS, "mmmim.engine", "mmmim.evaluation")
LOG_PROCESSORS = _child("log_processor", root.LOG_PROCESSORS, "mmmim.engine")
OPTIMIZERS = _child("optimizer", root.OPTIMIZERS, "mmmim.engine")
OPTIM_WRAPPERS = _child("optim_wrapper", root.OPTIM_WRAPPERS, "mmmim.engine")
OPTIM_WRAPPER_CONSTRUCTORS = _child("optimizer wrapper constructor", root.OPTIM_WRAPPER_CONSTRUCTORS, "mmmim.engine")
PARAM_SCHEDULERS = _child("parameter scheduler", root.PARAM_SCHEDULERS, "mmmim.engine")
METRICS = _child("metric", root.METRICS, "mmmim.evaluation")
EVALUATORS = _child("evaluator", root.EVALUATOR, "mmmim.evaluation")
VISUALIZERS = _child("visualizer", root.VISUALIZERS, "mmmim.visualization")
VISBACKENDS = _child("vis_backend", root.VISBACKENDS, "mmmim.visualization")
