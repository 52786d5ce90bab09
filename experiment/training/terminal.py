"""The terminal during long work: bars of progress, and Ctrl-C or SIGTERM as a request to stop."""

import os
import signal
import threading
from contextlib import suppress

from tqdm.auto import tqdm
from tqdm.notebook import tqdm_notebook

STANDARD_ERROR = 2
IN_NOTEBOOK = issubclass(tqdm, tqdm_notebook)  # as tqdm.auto has found
SHOWN = {} if IN_NOTEBOOK else {"disable": None}  # None: shown where standard error is a terminal


def progress_bar(name, num_images):
    """A bar that counts images."""
    return tqdm(total=num_images, desc=name, unit=" images", dynamic_ncols=True, **SHOWN)


class Interruption:
    """A context in which the first SIGINT or SIGTERM sets `requested`. The second one acts as usual.

    A terminal is told so at once, since the step of a deep network, or its compilation, takes seconds.
    """

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
        with suppress(OSError):  # it is closed
            if os.isatty(STANDARD_ERROR):  # not by sys.stderr, within whose own writing a signal may come
                os.write(STANDARD_ERROR, b"\nstopping after this step; once more to stop at once\n")
