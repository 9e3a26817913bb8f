"""A command of another package, for the test of those."""

import click


@click.command()
def tell() -> None:
    """Tell."""
    click.echo("told")
