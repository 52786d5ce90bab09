"""An evaluation goes on where a part of it fails: the rest is measured, drawn and reported."""


class LeftOut(dict):
    """Parts of an evaluation that could not be made: name -> reason."""

    def add(self, part, reason):
        """Name a part that is left out, here and on the terminal."""
        self[part] = reason
        print(f"left out: {part} ({reason})")

    def attempt(self, part, function, *arguments):
        """function(*arguments); where it raises, None, with the reason on the terminal and in this dict.

        An OSError is raised: it is of the disk, not of the part, and what follows would meet it too.
        """
        try:
            return function(*arguments)
        except OSError:
            raise
        except Exception as error:  # whatever it is, what was trained and measured is not to be lost with it
            lines = str(error).strip().splitlines() or [""]
            self.add(part, f"{type(error).__name__}: {lines[0][:200]}")
            return None
