"""An evaluation continues where a part of it fails: the other parts are still measured, drawn and reported."""


class LeftOut(dict):
    """The parts of an evaluation that failed: name -> reason."""

    def add(self, part, reason):
        """Name a part that is left out, here and on the terminal."""
        self[part] = reason
        print(f"left out: {part} ({reason})")

    def attempt(self, part, function, *arguments):
        """function(*arguments), or None if it raises. The reason is printed and kept in this dict.

        An OSError is raised again: it concerns the disk, and later parts would fail too.
        """
        try:
            return function(*arguments)
        except OSError:
            raise
        except Exception as error:  # any failure: it must not lose what was trained and measured
            lines = str(error).strip().splitlines() or [""]
            self.add(part, f"{type(error).__name__}: {lines[0][:200]}")
            return None
