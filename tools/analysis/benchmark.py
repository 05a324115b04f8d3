"""Cost of a pre-training step compared with the same method of mmpretrain: time, FLOPs, memory."""

import sys

from mmmim.commands.benchmark import main

if __name__ == "__main__":
    sys.exit(main())
