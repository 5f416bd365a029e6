"""``python -m bayes_nmda``: the command line."""

from bayes_nmda.cli.main import main

if __name__ == "__main__":
    main()
