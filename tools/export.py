"""Write the encoder of a checkpoint as a plain file for other libraries, and check that its features agree there."""

import sys

from mmmim.commands.export import main

if __name__ == "__main__":
    sys.exit(main())
