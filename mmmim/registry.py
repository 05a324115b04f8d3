"""Child registries of MMEngine's roots, scope ``mmmim``.

A lookup of ``mmmim.X`` from any scope imports the ``locations`` first, so ``type='mmmim.ViT'`` works from
MMSegmentation and MMDetection configs without ``custom_imports``.
"""

import inspect
from typing import Any

from mmengine import registry as root
from mmengine.registry import Registry


def _child(name: str, parent: Registry, *locations: str) -> Registry:
    return Registry(name, parent=parent, scope="mmmim", locations=list(locations))


MODELS = _child("model", root.MODELS, "mmmim.models")
MODEL_WRAPPERS = _child("model_wrapper", root.MODEL_WRAPPERS, "mmmim.engine")
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
VISUALIZERS = _child("visualizer", root.VISUALIZERS, "mmmim.engine")
VISBACKENDS = _child("vis_backend", root.VISBACKENDS, "mmmim.engine")


def accepted_arguments(constructor: Any) -> set[str]:
    """Return the names of the arguments that a class takes; ``**kwargs`` adds those of its parent class."""
    names: set[str] = set()
    for cls in inspect.getmro(constructor) if inspect.isclass(constructor) else (constructor,):
        function = vars(cls).get("__init__") if inspect.isclass(cls) else cls
        if function is None:
            continue
        parameters = inspect.signature(function).parameters.values()
        names |= {parameter.name for parameter in parameters}
        if all(parameter.kind is not parameter.VAR_KEYWORD for parameter in parameters):
            break
    return names


def build_part(config: dict, **known: Any) -> Any:
    """Build a part of a model; ``known`` values fill the accepted arguments that its config leaves out."""
    constructor = MODELS.get(config["type"]) if isinstance(config["type"], str) else config["type"]
    if constructor is not None:
        accepted = accepted_arguments(constructor)
        known = {name: value for name, value in known.items() if name in accepted}
    return MODELS.build({**known, **config})
