"""What `best/<space>.yaml` says of the best trial."""

import hashlib

import numpy as np
from numpy.typing import NDArray


def digest(probabilities: NDArray[np.float32]) -> str:
    """Returns 16 hex digits of the probabilities, bit for bit."""
    data = np.ascontiguousarray(probabilities, dtype="<f4").tobytes()
    return hashlib.sha256(data).hexdigest()[:16]
