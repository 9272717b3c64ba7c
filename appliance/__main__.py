"""`python -m appliance` is the `vuzol` command."""

import sys

from appliance.cli import main

sys.exit(main())
