"""``python -m etalage``: the same as the command ``etalage``."""

from etalage.cli import main

main()
