"""The subcommands. A module has add_parsers(commands), imports argparse alone, and what it needs when run."""
