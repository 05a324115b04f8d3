"""Write a published checkpoint, given as a local file, as a checkpoint of mmmim."""

import sys

from mmmim.commands.convert import main

if __name__ == "__main__":
    sys.exit(main())
