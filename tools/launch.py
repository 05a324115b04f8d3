"""Start the processes of a run on this node, start them again after a failure, and end with their status."""

import sys

from mmmim.commands.launch import main

if __name__ == "__main__":
    sys.exit(main())
