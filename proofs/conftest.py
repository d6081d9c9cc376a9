"""The Python blocks of the proof pages are tests: `pytest proofs/nesterov-step.md` runs those of one page."""

from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

pytest_collect_file = Sybil(parsers=[PythonCodeBlockParser()], patterns=["*.md"]).pytest()
