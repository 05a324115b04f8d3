"""Settings of ``mae/vit-tiny_toy`` that train in a second."""

TINY = {
    "log_level": "WARNING",
    "model.backbone.arch": dict(_delete_=True, embed_dims=16, depth=1, num_heads=2),
    "model.backbone.img_size": 32,
    "model.neck.dims": 16,
    "model.neck.depth": 1,
    "model.neck.num_heads": 2,
    "train_dataloader.batch_size": 4,
    "train_dataloader.num_workers": 0,
    "train_dataloader.persistent_workers": False,
}
