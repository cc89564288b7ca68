"""The library's logger: silent until the application says where logs go."""

import logging

LOG = logging.getLogger("edgemm")
LOG.addHandler(logging.NullHandler())
