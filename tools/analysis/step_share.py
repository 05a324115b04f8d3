"""Measure the parts of a training step around the networks, in CPU seconds of this process."""

import sys

from mmmim.commands.step_share import main

if __name__ == "__main__":
    sys.exit(main())
