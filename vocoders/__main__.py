"""``python -m vocoders`` is the command ``vocoders``."""

import sys

from vocoders.cli import main

sys.exit(main())
