"""The commands, one file each, and the common way in which they report errors and exit."""
