import sys

from tfderm.cli import main

sys.exit(main())
