"""The two access keys of the resource, which can be rotated one after the other."""

from typing import Literal

from callvault.emulator.settings import EmulatorSettings

Which = Literal["primary", "secondary"]


class AccessKeys:
    """Both are accepted; a rotated one is refused at once."""

    def __init__(self, settings: EmulatorSettings) -> None:
        self._settings = settings
        self.generations: dict[Which, int] = {"primary": 0, "secondary": 0}
        """How often each was rotated."""

    @property
    def current(self) -> tuple[str, str]:
        return self._key("primary"), self._key("secondary")

    def rotate(self, which: Which) -> None:
        self.generations[which] += 1

    def _key(self, which: Which) -> str:
        generation = self.generations[which]
        if generation:
            return self._settings.derived_key(f"{which} {generation}")
        first, second = self._settings.access_keys
        return first if which == "primary" else second
