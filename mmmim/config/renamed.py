"""Names that shipped configs had before, kept for one release."""

from __future__ import annotations

from pathlib import Path

# Below ``configs``, without ``.py``. Since 0.1.0; gone in 0.2.0.
RENAMED = {
    "beit/downstream/linear_vit-b_100e_in1k-layerwise": "beit/downstream/linear_vit-b_layerwise_100e_in1k",
    "ccmim/vit-b_800e_official": "ccmim/vit-b_official_800e",
    "cim/downstream/ft_vit-b_100e_in1k-respix": "cim/downstream/ft_vit-b_respix_100e_in1k",
    "cim/downstream/ft_vit-b_100e_in1k-revdet": "cim/downstream/ft_vit-b_revdet_100e_in1k",
    "conmim/downstream/mask-rcnn_vit-b_lsj-25e_coco": "conmim/downstream/mask-rcnn_vit-b_lsj_25e_coco",
    "conmim/downstream/mask-rcnn_vit-s_lsj-25e_coco": "conmim/downstream/mask-rcnn_vit-s_lsj_25e_coco",
    "conmim/downstream/upernet_vit-b_160k_ade20k-ssl": "conmim/downstream/upernet_vit-b_ssl_160k_ade20k",
    "conmim/downstream/upernet_vit-s_160k_ade20k-ssl": "conmim/downstream/upernet_vit-s_ssl_160k_ade20k",
    "mae/downstream/mask-rcnn_vit-b_vitdet-lsj_coco": "mae/downstream/mask-rcnn_vit-b_vitdet_100e_coco",
    "simmim/downstream/ft_swin-b_100e_in1k-192": "simmim/downstream/ft_swin-b_192_100e_in1k",
    "simmim/downstream/ft_swin-b_100e_in1k-224": "simmim/downstream/ft_swin-b_224_100e_in1k",
    "simmim/downstream/ft_swin-l_100e_in1k-224-paper": "simmim/downstream/ft_swin-l_224-paper_100e_in1k",
    "simmim/downstream/ft_swin-l_100e_in1k-224": "simmim/downstream/ft_swin-l_224_100e_in1k",
    "simmim/downstream/ft_swinv2-h_50e_in1k-224": "simmim/downstream/ft_swinv2-h_224_50e_in1k",
    "simmim/downstream/ft_swinv2-h_50e_in1k-512": "simmim/downstream/ft_swinv2-h_512_50e_in1k",
    "simmim/downstream/ft_vit-b_100e_in1k-paper": "simmim/downstream/ft_vit-b_paper_100e_in1k",
    "simmim/downstream/linear_vit-b_100e_in1k-layerwise": "simmim/downstream/linear_vit-b_layerwise_100e_in1k",
    "simmim/downstream/mask-rcnn_swin-b_lsj-3x_coco": "simmim/downstream/mask-rcnn_swin-b_lsj_3x_coco",
    "simmim/downstream/mask-rcnn_swin-l_lsj-3x_coco": "simmim/downstream/mask-rcnn_swin-l_lsj_3x_coco",
    "simmim/downstream/mask-rcnn_swinv2-h_lsj-3x_coco": "simmim/downstream/mask-rcnn_swinv2-h_lsj_3x_coco",
    "simmim/downstream/upernet_swin-b_80k_ade20k-ssl": "simmim/downstream/upernet_swin-b_ssl_80k_ade20k",
    "simmim/downstream/upernet_swin-l_80k_ade20k-ssl": "simmim/downstream/upernet_swin-l_ssl_80k_ade20k",
    "simmim/downstream/upernet_swinv2-h_80k_ade20k-ssl": "simmim/downstream/upernet_swinv2-h_ssl_80k_ade20k",
    "simmim/vit-b_800e_paper": "simmim/vit-b_paper_800e",
}


def new_place(path: Path) -> Path | None:
    """Return where the config now lies that ``path`` used to name; None where it named none."""
    parts = path.with_suffix("").parts
    if path.suffix != ".py" or "configs" not in parts:
        return None
    folder = len(parts) - parts[::-1].index("configs")
    name = RENAMED.get("/".join(parts[folder:]))
    return None if name is None else Path(*parts[:folder], f"{name}.py")
