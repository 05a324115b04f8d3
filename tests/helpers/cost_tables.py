from __future__ import annotations

from mmmim.reproduce.tables import Count, Row, Table

TOY = "vit-tiny_toy.py"
COSTS = {"gflop": Count("gflop"), "gmacs": Count("gmacs"), "cost": Count("cost")}
TABLE = Table(
    "costs",
    "Costs",
    "none",
    ("gflop", "gmacs", "cost"),
    (
        Row("toy", TOY, published={"cost": 1.0}, evaluation=COSTS),
        Row("longer", TOY, {"train_cfg.max_epochs": 48}, evaluation=COSTS),
        Row("half-the-decoder", TOY, {"model.neck.depth": 1}, evaluation=COSTS),
    ),
)
