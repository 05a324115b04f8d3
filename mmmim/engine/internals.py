"""Access to the private attributes of MMEngine that this package reads or sets, each with the reason.

``tests/engine/test_internals.py`` fails where a release of MMEngine changes one of them.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, NamedTuple

from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapper
from mmengine.runner import BaseLoop, Runner
from mmengine.runner.checkpoint import _load_checkpoint_to_model
from mmengine.visualization import Visualizer
from torch.utils.data import DataLoader

from mmmim.registry import VISUALIZERS


class Start(NamedTuple):
    """The checkpoint that a Runner will read, and whether it resumes that run or uses its weights only."""

    file: str | None
    resumes: bool


def start_of(runner: Runner) -> Start:
    """Return where the run starts from, which the Runner's constructor stores in private attributes."""
    return Start(runner._load_from, runner._resume)


def set_start(runner: Runner, start: Start) -> None:
    """Change where the run starts from, as ``resume=True`` alone takes the newest file even if it is damaged."""
    runner._load_from, runner._resume = start


def accumulation_of(wrapper: OptimWrapper) -> int:
    """Return the number of batches per optimizer update, which the wrapper keeps in a private attribute."""
    return wrapper._accumulative_counts


def update_val_interval(loop: BaseLoop) -> None:
    """Set ``loop.val_interval`` to that of the current epoch or iteration, which MMEngine only does between steps."""
    loop._decide_current_val_interval()  # type: ignore[attr-defined]


def end_workers(loader: DataLoader) -> Any:
    """End persistent workers now; if a reference cycle ended them later, torch would wait for each of them."""
    loader._iterator = None


class Collected(Exception):
    """Ends MMEngine's ``save_checkpoint`` where it would write, with what it has collected."""

    def __init__(self, checkpoint: dict[str, Any]) -> None:
        super().__init__()
        self.checkpoint = checkpoint


def collect_checkpoint(runner: Runner, *args: Any, **kwargs: Any) -> None:
    """Run MMEngine's ``save_checkpoint`` on every process, where its decorator lets only the first one run it."""
    Runner.save_checkpoint.__wrapped__(runner, *args, **kwargs)


def use_checkpoint(runner: Runner, content: dict[str, Any], strict: bool, **kwargs: Any) -> dict[str, Any]:
    """Load the weights of a checkpoint that was read, which MMEngine's ``load_checkpoint`` does only with its own."""
    runner.call_hook("after_load_checkpoint", checkpoint=content)
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    kwargs.setdefault("revise_keys", [(r"^module\.", "")])
    runner._has_loaded = True
    return _load_checkpoint_to_model(model, content, strict, **kwargs)


def built_loader(runner: Runner, split: str) -> Any:
    """Return the dataloader of ``train``, ``val`` or ``test`` if it is built, else None.

    The Runner's properties would build it.
    """
    loader = getattr(runner, f"_{split}_dataloader")
    loop = getattr(runner, f"_{split}_loop")
    found = getattr(loop, "dataloader", loader)
    return found if hasattr(found, "dataset") else None


@VISUALIZERS.register_module()
class LazyVisualizer(Visualizer):
    """MMEngine's Visualizer, which imports matplotlib when something is drawn: a run of this package logs scalars only.

    The constructor makes a figure by a private method.
    """

    FIGURE = ("fig_save_canvas", "fig_save", "ax_save", "dpi")

    def __init__(self, name: str = "visualizer", image: Any = None, **kwargs: Any) -> None:
        super().__init__(name, **kwargs)
        for part in self.FIGURE:
            delattr(self, part)
        if image is not None:
            self.set_image(image)

    def _initialize_fig(self, fig_cfg: dict[str, Any]) -> tuple[Any, ...]:
        return None, SimpleNamespace(get_dpi=lambda: None), None

    def __getattr__(self, name: str) -> Any:
        if name not in self.FIGURE:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        self.fig_save_canvas, self.fig_save, self.ax_save = super()._initialize_fig(self.fig_save_cfg)
        self.dpi = self.fig_save.get_dpi()
        return vars(self)[name]
