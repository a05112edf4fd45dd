"""The model of the protocol, checked whole by Spin: as it is it holds, and each thing taken away is missed."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

FOLDER: Final = Path(__file__).parent.parent / "docs" / "model"
COUNTED: Final = "imported=="
RECORDED: Final = "(contact[0]>0)"
WRITTEN: Final = "owner==me"
TAKEN_OVER: Final = "takeovers<="
TWICE: Final = "twice"
LOST: Final = "lost"
ENDS: Final = "acceptance cycle"
SAFETY: Final = ("-DSAFETY", "-DNOCLAIM")

MUTATIONS: Final = {
    "NO_FENCE": {WRITTEN},
    "CLAIM_EARLY": {COUNTED, RECORDED},
    "NO_CHECK": {COUNTED, RECORDED},
    "NO_TAG": {COUNTED},
    "FAIL_KEEPS_PAGE": {COUNTED},
    "FAIL_UNCHECKED": {COUNTED},
    "TOKENS_UNORDERED": {COUNTED},
    "CANCEL_FORGETS": {ENDS},
    "CLAIM_COUNTS": {TAKEN_OVER},
    "BEGIN_TRUSTS": {COUNTED},
    "BEGIN_FORGETS": {COUNTED},
    "RELEASE_FORGETS": {COUNTED},
    "RETRY_TRUSTS": {TWICE},
}
"""What is taken away -> the properties of which one has to break."""

OF_THE_REFRESH: Final = ("CANCELLED", "NOT_SHARED")
"""What is taken away of the refresh; without any fault it then loses the grant."""

pytestmark = pytest.mark.skipif(
    not (shutil.which("spin") and shutil.which("gcc")),
    reason="the model is checked with spin and gcc (Debian: apt install spin gcc)",
)


def run(folder: Path, *command: str) -> str:
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


def explore(
    folder: Path, *bounds: str, compiling: tuple[str, ...], exploring: tuple[str, ...] = (), model: str = "import"
) -> str:
    """What Spin's checker says of the model within these bounds."""
    run(folder, "spin", "-a", *bounds, str(FOLDER / f"{model}.pml"))
    run(folder, "gcc", *compiling, "-o", "pan", "pan.c")
    said = run(folder, "./pan", "-m10000", *exploring)
    assert "depth too small" not in said
    return said


def assert_complete(said: str) -> None:
    """The search visited every state and found nothing."""
    assert re.search(r"errors: 0\n", said), said
    assert "not completed" not in said, said


def test_the_protocol_counts_each_page_once_and_every_job_ends(tmp_path: Path) -> None:
    said = explore(tmp_path, "-DFAULTS=1", compiling=("-O2",), exploring=("-a",))
    assert_complete(said)
    assert "acceptance   cycles \t+" in said, said


def test_two_faults_reach_every_statement_of_a_worker_and_break_nothing(tmp_path: Path) -> None:
    said = explore(tmp_path, "-DFAULTS=2", "-DRETRIES=0", compiling=("-O1", *SAFETY))
    assert_complete(said)
    # Save the restart of a listing, which is bounded by zero here.
    unreached = re.search(r"unreached in proctype worker\n(.*?)\((\d+) of", said, re.DOTALL)
    assert unreached
    assert int(unreached[2]) <= 3, unreached[1]


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_each_part_of_the_protocol_is_needed(tmp_path: Path, mutation: str) -> None:
    liveness, edited = ENDS in MUTATIONS[mutation], TWICE in MUTATIONS[mutation]
    said = explore(
        tmp_path,
        # An import that never ends is missed with one fault already, and a contact that comes twice with none.
        f"-DFAULTS={0 if edited else 1 if liveness else 2}",
        "-DCLAIMS=1",
        *(("-DEDITS=1",) if edited else ()),
        f"-D{mutation}",
        compiling=("-O0",) if liveness else ("-O0", *SAFETY),
        exploring=("-w20", *(("-a",) if liveness else ())),
    )
    problem = re.search(r"^pan:1: (.*)$", said, re.MULTILINE)
    assert problem, said
    assert any(broken in problem[1] for broken in MUTATIONS[mutation]), problem[1]


def test_nobody_comes_twice_who_is_edited_between_a_half_written_page_and_the_next_try(tmp_path: Path) -> None:
    assert_complete(explore(tmp_path, "-DFAULTS=0", "-DEDITS=1", "-DRESTARTS=1", compiling=("-O1", *SAFETY)))


def test_a_refreshed_grant_is_lost_by_a_fault_alone(tmp_path: Path) -> None:
    assert_complete(explore(tmp_path, "-DFAULTS=1", compiling=("-O1", "-w", "-DSAFETY"), model="refresh"))


@pytest.mark.parametrize("mutation", OF_THE_REFRESH)
def test_each_part_of_the_refresh_is_needed(tmp_path: Path, mutation: str) -> None:
    said = explore(tmp_path, "-DFAULTS=0", f"-D{mutation}", compiling=("-O0", "-w", "-DSAFETY"), model="refresh")
    problem = re.search(r"^pan:1: (.*)$", said, re.MULTILINE)
    assert problem, said
    assert LOST in problem[1]


def test_the_mutations_are_described() -> None:
    text = (FOLDER / "README.md").read_text("utf-8")
    assert set(re.findall(r"^\| `([A-Z_]+)` \|", text, re.MULTILINE)) == {*MUTATIONS, *OF_THE_REFRESH}
