"""`python -m sealgate`: the command line, where its script is not on the path."""

from sealgate.cli.entry import main

if __name__ == "__main__":
    main()
