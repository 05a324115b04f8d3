"""The work of commands that needs libraries, imported by the command of the same name when it has its arguments."""
