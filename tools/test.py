"""Evaluate a checkpoint with the test set and metrics of its config."""

import sys

from mmmim.commands.test import main

if __name__ == "__main__":
    sys.exit(main())
