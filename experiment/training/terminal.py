"""The terminal during long work: bars of progress, and Ctrl-C or SIGTERM as a request to stop."""

import signal
import threading

from tqdm.auto import tqdm
from tqdm.notebook import tqdm_notebook

IN_NOTEBOOK = issubclass(tqdm, tqdm_notebook)  # as tqdm.auto has found
SHOWN = {} if IN_NOTEBOOK else {"disable": None}  # None: shown where standard error is a terminal


def progress_bar(name, num_images):
    """A bar that counts images."""
    return tqdm(total=num_images, desc=name, unit=" images", dynamic_ncols=True, **SHOWN)


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
