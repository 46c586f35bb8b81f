"""What the blocklist adds to the customers app."""


def register() -> None:
    pass
