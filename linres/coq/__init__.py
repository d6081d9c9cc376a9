"""A second kernel: theorems as Coq files (`export`), and Coq to check them (`check`)."""

from linres.coq.export import export
from linres.coq.kernel import check

__all__ = ["check", "export"]
