"""x"""


class Demo:
    def __init__(self, contacts: int, *, keep: bool) -> None: ...
    async def run(self) -> int:
        return 0
