from small_pretraining import checkpoint, pretrain_config

__all__ = ["checkpoint", "pretrain_config"]
