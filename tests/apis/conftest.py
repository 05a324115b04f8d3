from published_mae import own_cache_folder, pictures, publish, trained

__all__ = ["own_cache_folder", "pictures", "publish", "trained"]
