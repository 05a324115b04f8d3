"""What a config may say: names, keys and types are checked before anything is built."""
