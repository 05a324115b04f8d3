"""What those commands do that need libraries, imported by the command of the same name when it has its arguments."""
