"""Ctrl-C and SIGTERM as a request: training ends after the present call, with its state saved."""

import signal
import threading


class Interruption:
    """A context in which the first SIGINT or SIGTERM sets `requested`; the second acts as it would without us."""

    def __init__(self):
        self.requested = False
        self._previous = {}

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():  # elsewhere Python allows no signal handlers
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
