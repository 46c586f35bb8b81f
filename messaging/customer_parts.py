"""What messaging adds to the customers app."""


def register() -> None:
    pass
