from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from mmmim.checkpoint.names import listing
from mmmim.errors import UsageError
from mmmim.interop.encoder import Features, StoredEncoder, encoder_class
from mmmim.models.backbones.transformers_model import TransformersModel

from ..classifier import Classifier
from ..decoder import Decoder, ids_of_mask
from ..extra import need
from ..preprocessing import preprocessing
from ..target import Head, Target
from .beit import beit
from .model import Adapter, refuse
from .resnet import resnet
from .swin import swin, swinv2
from .vit import vit

ADAPTERS: dict[str, Adapter] = dict(vit=vit, beit=beit, swin=swin, swinv2=swinv2, resnet=resnet)
PROCESSED_CHANNELS = (1, 3)  # what image processors take for channels


def adapted(encoder: StoredEncoder, head: Head | None) -> TransformersModel:
    """Return the model of transformers for an encoder.

    Raises:
        UsageError: There is none.
    """
    if encoder.architecture in ADAPTERS:
        return ADAPTERS[encoder.architecture](encoder, head)
    found = encoder_class(encoder.kind).transformers_model(encoder.meta, encoder.state)
    if found is None:
        raise refuse(f"no adapter is known for a {encoder.architecture}, only for {', '.join(ADAPTERS)}")
    if head is not None:
        raise refuse(f"a {encoder.kind} is exported without its head", "it without --with-head")
    return found


def explain(encoder: StoredEncoder, folder: Path, head: Head | None = None) -> str:
    """Return the lines that open the folder."""
    need("transformers", "transformers")
    model = adapted(encoder, head)
    preprocessing(encoder, "transformers")
    lines = [f"model = {model.auto}.from_pretrained({str(folder)!r})"]
    if encoder.meta["in_channels"] in PROCESSED_CHANNELS:
        lines.insert(0, f"processor = AutoImageProcessor.from_pretrained({str(folder)!r})")
    return "\n".join(lines)


def write(encoder: StoredEncoder, folder: Path, head: Head | None = None) -> None:
    """Write ``config.json``, ``model.safetensors`` and ``preprocessor_config.json``."""
    (transformers,) = need("transformers", "transformers")
    model, images = adapted(encoder, head), preprocessing(encoder, "transformers")
    settings: dict[str, Any] = dict(model.config, architectures=[model.name], dtype="float32")
    if isinstance(head, Classifier):
        known = len(encoder.classes) == head.num_classes
        names = encoder.classes if known else [f"LABEL_{index}" for index in range(head.num_classes)]
        settings["id2label"] = dict(enumerate(names))
        settings["label2id"] = {name: index for index, name in enumerate(names)}
    with _quiet(transformers):
        transformers.AutoConfig.for_model(model.model_type, **settings).save_pretrained(folder)
        if encoder.meta["in_channels"] in PROCESSED_CHANNELS:
            height, width = images.size
            transformers.BitImageProcessor(  # resizes the short side, then crops; the others resize both sides
                size={"shortest_edge": images.short_side},
                crop_size={"height": height, "width": width},
                resample=images.pillow_filter,
                image_mean=images.mean,
                image_std=images.std,
                do_convert_rgb=encoder.meta["in_channels"] == 3,
            ).save_pretrained(folder)
    state = {name: value.clone().contiguous() for name, value in model.state.items()}
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})


def run(encoder: StoredEncoder, folder: Path, head: Head | None = None) -> Features:
    """Return what the model that transformers makes of the folder computes, in double precision.

    Raises:
        UsageError: A tensor of the model is not in the folder, or one of the folder not in the model.
    """
    (transformers,) = need("transformers", "transformers")
    auto = getattr(transformers, adapted(encoder, head).auto)
    with _quiet(transformers):
        model, told = auto.from_pretrained(folder, local_files_only=True, output_loading_info=True)
    wrong = [name for kind in ("missing_keys", "unexpected_keys", "mismatched_keys") for name in told[kind]]
    if wrong:
        raise UsageError(
            f"--to transformers: transformers {transformers.__version__} has other tensors: "
            f"{listing(sorted(map(str, wrong)))}; nothing is written"
        )
    model = model.eval().double()

    def outputs(images: Tensor) -> Tensor:
        if isinstance(head, Decoder):
            return model(pixel_values=images, noise=ids_of_mask(encoder, images.shape[0])).logits
        found = model(pixel_values=images)
        if head is not None:
            return found.logits
        tokens = found.last_hidden_state
        return tokens if tokens.ndim == 3 else tokens.flatten(2).transpose(1, 2)

    return outputs


@contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    """Keep progress bars and remarks of transformers about itself from the user."""
    logging = transformers.utils.logging
    level, has_bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if has_bars:
            logging.enable_progress_bar()


TRANSFORMERS = Target(explain, write, run, ("classifier", "decoder"), is_folder=True)
