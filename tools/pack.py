"""Pack images into a few large files, which train faster than single files and are copied as fast as a disk writes."""

import sys

from mmmim.commands.pack import main

if __name__ == "__main__":
    sys.exit(main())
