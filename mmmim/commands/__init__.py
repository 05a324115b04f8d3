"""The commands: one file each, and the one way in which they report errors and end."""
