"""Ctrl-C and SIGTERM as a request: training stops after the current call, with its state saved."""

import signal
import threading


class Interruption:
    """A context in which the first SIGINT or SIGTERM sets `requested`. The second one acts as usual."""

    def __init__(self):
        self.requested = False
        self._previous = {}

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():  # Python allows signal handlers in no other thread
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._request)
        return self

    def __exit__(self, *exception):
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous = {}

    def _request(self, number, frame):
        self.requested = True
        self.__exit__()
