"""``python -m wfcore`` is the command ``workflow``."""

import sys

from wfcore.cli.main import main

sys.exit(main())
