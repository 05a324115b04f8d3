"""Measure data, training steps, start-up and evaluation on this machine, in turns with mmpretrain."""

import sys

from mmmim.commands.benchmark import main

if __name__ == "__main__":
    sys.exit(main())
