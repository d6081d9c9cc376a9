"""The subcommands. Each module has add_parsers(commands), importing argparse alone, and imports what it needs when run."""
