"""A vendor's host with several cards, made up on the host's own cores, which they fight for."""

from __future__ import annotations

from collections.abc import Sequence

from zbench.cards.cpu import Cpu


class Four(Cpu):
    """Four cards of one kind, each of which takes all cores for its own: at once they have to share."""

    count = 4

    @classmethod
    def siblings(cls, option: str | None) -> Sequence[str | None]:
        return [str(i) for i in range(cls.count)]

    def __init__(self, option: str | None = None) -> None:
        super().__init__()
        self.number = int(option or 0)
        self.option = option

    def describe(self) -> dict[str, str]:
        return super().describe() | {"device": f"number {self.number}"}


class Twice(Four):
    """Tells of one card two times over."""

    @classmethod
    def siblings(cls, option: str | None) -> Sequence[str | None]:
        return ["0", "0"]


class Lame(Four):
    """Whose third card has no memory left."""

    def alloc(self, shape: tuple[int, ...], dtype: str) -> object:
        if self.number == 2:
            raise MemoryError("no memory left")
        return super().alloc(shape, dtype)


class Wrong(Four):
    """Whose second card adds up wrongly."""

    def read(self, buffer: object) -> object:
        answer = super().read(buffer)
        if self.number == 1:
            answer = answer + 1
        return answer
