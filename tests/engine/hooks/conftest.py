from pictures import broken, picture

__all__ = ["broken", "picture"]
