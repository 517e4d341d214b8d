"""How packages that only some uses need are installed, for messages about those that are missing."""


def how_to_install(extra: str) -> str:
    """The two ways to install an extra of pyproject.toml; both are for a clone, as no index has this package.

    Args:
        extra: its name, such as "page".

    Returns:
        The end of a sentence, without a full stop.
    """
    command = f'pip install -e ".[{extra}]"'  # quotes that every shell takes, that of Windows too
    return f"run `make install EXTRAS={extra}`, or `{command}`, in the folder of the clone"
