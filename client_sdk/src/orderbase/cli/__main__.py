"""`python -m orderbase.cli`."""

import sys

from orderbase.cli import main

sys.exit(main())
