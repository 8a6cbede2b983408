"""`python -m autoarch.cli`: the same as the `autoarch` program."""

from autoarch.cli.main import main

main()
