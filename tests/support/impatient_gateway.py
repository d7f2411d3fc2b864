"""A gateway with association limits of seconds in place of minutes: python impatient_gateway.py LIMITS … CONFIGURATION.

LIMITS is a JSON object with fields of AssociationLimits. What stands between the two is passed over, so that this can
be the `wrapper` of `support.gateway.gateway`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from sealgate.cli.serve import run
from sealgate.node import logs
from sealgate.node.config import load
from sealgate.node.limits import AssociationLimits


def wrapper(limits: AssociationLimits) -> list[object]:
    """The beginning of the command line of such a gateway."""
    shown = {name: getattr(limits, name) for name in AssociationLimits.__slots__}
    return [sys.executable, __file__, json.dumps(shown)]


if __name__ == "__main__":
    configuration = load(Path(sys.argv[-1]))
    logs.configure(configuration.log)
    sys.exit(run(configuration, AssociationLimits(**json.loads(sys.argv[1]))))
