"""The proof book: `linres book`, or `sphinx-build proofs DIR`."""

from linres import __version__

project = "linres"
version = release = __version__
author = "the authors of linres"
extensions = ["myst_parser", "sphinx_proof", "linres.book"]
root_doc = "index"
exclude_patterns = ["_build"]
numfig = True
html_theme = "furo"
html_title = f"linres {__version__}: the proof book"
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
nitpicky = True
html_show_copyright = False
