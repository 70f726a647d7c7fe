"""``python3 -m xcat_hamn.cli``: the same as the command xcat-hamn."""

import sys

from xcat_hamn.cli.main import main

sys.exit(main(sys.argv[1:]))
