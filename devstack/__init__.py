"""The whole mesh on one machine with real components: the `payera` command."""
