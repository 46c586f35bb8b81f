"""Running things side by side on connections of their own, for tests with `transaction=True`."""

import threading

from django.db import connection


class Parallel:
    """`start(call)` runs a call in a thread; leaving the block waits for all and raises what any of them raised."""

    def __init__(self):
        self.threads, self.errors = [], []

    def start(self, call, *arguments):
        def run():
            try:
                call(*arguments)
            except BaseException as error:
                self.errors.append(error)
            finally:
                connection.close()

        thread = threading.Thread(target=run, daemon=True)
        self.threads.append(thread)
        thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *details):
        for thread in self.threads:
            thread.join(timeout=30)
            assert not thread.is_alive(), "a thread hangs"
        for error in self.errors:
            raise error
