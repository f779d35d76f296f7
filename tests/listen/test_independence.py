"""The judge shares no code with the account of silence."""

import ast
from pathlib import Path

JUDGE = Path(__file__).parents[2] / "bench" / "listen"
ACCOUNT = ("workflows", "activities", "callvault.contracts.silence", "callvault.contracts.status")


def imported(file: Path) -> set[str]:
    """Return the modules that a file imports, also within its functions."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


def test_no_file_of_the_judge_imports_the_account() -> None:
    files = [*JUDGE.glob("*.py")]
    assert len(files) > 10
    for file in files:
        assert not [name for name in imported(file) if name.startswith(ACCOUNT)], file


def test_nor_do_the_parts_of_the_other_harness_that_it_uses() -> None:
    used = {name for file in JUDGE.glob("*.py") for name in imported(file) if "chaos" in name}
    assert used == {"bench.chaos.event_loop"}
    file = JUDGE.parent / "chaos" / "event_loop.py"
    assert not [name for name in imported(file) if name.startswith(("bench", *ACCOUNT))]
