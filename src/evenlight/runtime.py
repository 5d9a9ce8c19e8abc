"""Settings of the process that equal bytes depend on (docs/decisions.md, "Equal bytes at any --cores").

Snakemake exports OMP_NUM_THREADS and its like as min(threads, cores), and results of matrix products depend on
them. So the command line sets them to one before numpy is imported, whatever the caller's environment says.
"""

import hashlib
import os
import sys

ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENCV_FOR_THREADS_NUM": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    "TZ": "UTC",
    "LC_ALL": "C.UTF-8",
    "SOURCE_DATE_EPOCH": "315532800",
    "MPLBACKEND": "Agg",
    "MPLCONFIGDIR": os.path.join(os.path.expanduser("~"), ".cache", "evenlight", "matplotlib"),
}


def fix_environment() -> None:
    """Set the variables above; call it before numpy is imported."""
    os.environ.update(ENVIRONMENT)


def prepare_jobs() -> None:
    """For the Snakefile: jobs inherit the variables, and find `evenlight` without an activated environment."""
    fix_environment()
    os.environ["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", "")])


def seed_for(seed: int, *key: str) -> int:
    """A 32-bit seed for one task, a stable function of the params' seed and the task's key.

    Never made from a shard number or an order, so that adding images moves nothing.
    """
    digest = hashlib.sha256("\0".join([str(seed), *key]).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:4], "big")
