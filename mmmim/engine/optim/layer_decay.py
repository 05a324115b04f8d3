from __future__ import annotations

from typing import Any

from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.optim import DefaultOptimWrapperConstructor
from torch import nn

from mmmim.errors import UsageError, did_you_mean
from mmmim.registry import OPTIM_WRAPPER_CONSTRUCTORS

TOKENS = ("pos_embed", "cls_token", "mask_token")
RELATIVE_POSITIONS = ("relative_position_bias_table", "rel_pos_h", "rel_pos_w", "logit_scale", "cpb_mlp")
OPTIONS = ("layer_decay_rate", "backbone_key", "decay_tokens", "decay_rel_pos", "custom_keys")


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class LayerDecayOptimWrapperConstructor(DefaultOptimWrapperConstructor):
    """Layer-wise learning rate decay (ELECTRA, BEiT): layer l of n trains at ``lr * rate ** (n - 1 - l)``.

    The backbone numbers its own layers through ``get_layer_depth(name, prefix) -> (layer, n)``, so any model
    with such a backbone works: mmseg's ``EncoderDecoder``, mmdet's ``MaskRCNN``, a classifier. Everything
    outside the backbone trains at the full rate. At most ``2 n`` groups result, without and with weight
    decay, each with ``lr``, ``lr_scale``, ``weight_decay`` and ``group_name``; ``custom_keys`` may add
    more. Frozen parameters are left out, tied ones are included once.

    Schedulers act per group: give a final rate as ``eta_min_ratio``, because a fixed ``eta_min`` can be above
    the peak of the lowest layers.

    ``paramwise_cfg`` accepts:

    * ``layer_decay_rate`` (1.0): in (0, 1].
    * ``backbone_key`` ("backbone"): dotted path of the backbone in the model.
    * ``decay_tokens`` (False): weight decay on position embeddings and on class and mask tokens.
    * ``decay_rel_pos`` (False): weight decay on relative position tables and on SwinV2's ``cpb_mlp`` and
      ``logit_scale``, as in BEiT and ConMIM, and in SimMIM's pre-training. Tensors of one dimension and biases
      never decay.
    * ``custom_keys``: ``{part of a name: dict(lr_mult=, decay_mult=)}``. The longest match counts; the factors
      that it gives replace those of the layer.
    """

    paramwise_cfg: dict[str, Any]

    def _validate_cfg(self) -> None:
        super()._validate_cfg()
        # MMEngine leaves `_delete_` where a base config has nothing to delete
        self.paramwise_cfg = {name: value for name, value in self.paramwise_cfg.items() if name != "_delete_"}
        for name in self.paramwise_cfg:
            if name not in OPTIONS:
                raise UsageError(
                    f"paramwise_cfg[{name!r}] is unknown to LayerDecayOptimWrapperConstructor, "
                    f"which takes {', '.join(OPTIONS)} and counts the layers itself{did_you_mean(name, OPTIONS)}; "
                    "paramwise_cfg=dict(_delete_=True, ...) drops what a base config has"
                )
        self.rate = self.paramwise_cfg.get("layer_decay_rate", 1.0)
        if not 0 < self.rate <= 1:
            raise UsageError(f"layer_decay_rate must lie in (0, 1], got {self.rate}; 1 switches layer decay off")
        if self.base_lr is None:
            raise UsageError("optim_wrapper.optimizer.lr is missing: layer decay scales it per layer")
        # The parent class ignores an empty dict.
        self.paramwise_cfg = {"layer_decay_rate": self.rate, **self.paramwise_cfg}

    def add_params(self, params: list[dict], module: nn.Module, *args: Any, **kwargs: Any) -> None:
        model: Any = module.module if is_model_wrapper(module) else module
        layers, num_layers = self._number_layers(model)
        groups: dict[tuple, dict[str, Any]] = {}
        for name, parameter in model.named_parameters():  # yields tied parameters once
            if not parameter.requires_grad:
                continue
            layer, custom = layers.get(name, num_layers - 1), self._custom(name)
            scale = custom.get("lr_mult", self.rate ** (num_layers - 1 - layer))
            decay_mult = custom.get("decay_mult", float(self._decays(name, parameter.ndim)))
            key = (layer, scale, decay_mult)
            if key not in groups:
                groups[key] = self._new_group(layer, scale, decay_mult, customised=bool(custom))
            groups[key]["params"].append(parameter)
        params += [groups[key] for key in sorted(groups)]
        rates = [group["lr"] for group in params]
        print_log(
            f"layer decay {self.rate}: {len(params)} groups, lr {min(rates):.3g} to {max(rates):.3g}",
            logger="current",
        )

    def _number_layers(self, model: nn.Module) -> tuple[dict[str, int], int]:
        """Return the layer ids of the backbone's parameters and the number of layers; all others belong to the last."""
        key = self.paramwise_cfg.get("backbone_key", "backbone")
        backbone: Any = model
        for part in key.split("."):
            backbone = getattr(backbone, part, None)
        if self.rate == 1 and not hasattr(backbone, "get_layer_depth"):
            return {}, 1
        if backbone is None:
            children = ", ".join(name for name, _ in model.named_children())
            raise UsageError(
                f"{type(model).__name__} has no {key!r}, which layer_decay_rate={self.rate} is for; "
                f"set paramwise_cfg.backbone_key to one of: {children}"
            )
        if not hasattr(backbone, "get_layer_depth"):
            raise UsageError(
                f"backbone {type(backbone).__name__} has no get_layer_depth(name, prefix), "
                f"which layer_decay_rate={self.rate} needs; make it an mmmim.models.backbones.Encoder or set "
                "layer_decay_rate=1"
            )
        names = [name for name, _ in model.named_parameters() if name.startswith(f"{key}.")]
        depths = {name: backbone.get_layer_depth(name, f"{key}.") for name in names}
        return {name: layer for name, (layer, _) in depths.items()}, max(n for _, n in depths.values())

    def _decays(self, name: str, ndim: int) -> bool:
        if ndim <= 1 or name.endswith(".bias"):
            return False
        if any(part in name for part in TOKENS):
            return self.paramwise_cfg.get("decay_tokens", False)
        if any(part in name for part in RELATIVE_POSITIONS):
            return self.paramwise_cfg.get("decay_rel_pos", False)
        return True

    def _custom(self, name: str) -> dict[str, float]:
        keys = self.paramwise_cfg.get("custom_keys", {})
        matches = sorted((key for key in keys if key in name), key=lambda key: (-len(key), key))
        return keys[matches[0]] if matches else {}

    def _new_group(self, layer: int, scale: float, decay_mult: float, *, customised: bool) -> dict[str, Any]:
        name = f"layer_{layer}_{'decay' if decay_mult else 'no_decay'}"
        if customised:
            name += f"_lr{scale:g}_wd{decay_mult:g}"
        group = dict(params=[], lr=self.base_lr * scale, lr_scale=scale, group_name=name)
        if self.base_wd is not None or not decay_mult:
            group["weight_decay"] = (self.base_wd or 0.0) * decay_mult
        return group
