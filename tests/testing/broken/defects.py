"""How a broken plugin says what is wrong with it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Defect:
    """A plugin, the test of the kit that must fail for it, and the words with which it must fail."""

    plugin: type
    test: str
    words: str


def broken(test, words):
    """Mark a plugin with the test that finds its defect, and what that test says of it."""

    def mark(cls):
        cls.defect = Defect(cls, test, words)
        return cls

    return mark


def defects_in(module):
    """Return the defects of all plugins that a module defines."""
    classes = [value for value in vars(module).values() if isinstance(value, type)]
    return [cls.defect for cls in classes if "defect" in vars(cls)]
