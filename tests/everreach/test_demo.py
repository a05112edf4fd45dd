"""The demo, as a script runs it: two whole imports, and an exit code."""

import subprocess
import sys
from pathlib import Path

from tests.everreach.test_main import environment, mongods


def test_it_imports_two_address_books_and_leaves_nothing_behind(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "everreach", "demo", "--contacts", "300"]
    env = environment(tmp_path, TMPDIR=str(tmp_path), COLUMNS="120")
    ended = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "600 contacts processed in all." in ended.stdout
    rows = {row.split()[0]: row.split() for row in ended.stdout.splitlines() if row.split()[1:2] == ["300"]}
    assert set(rows) == {"Google", "Microsoft"}
    for _, contacts, new, duplicate, no_email, failed, *_ in rows.values():
        assert int(new) + int(duplicate) + int(no_email) + int(failed) == int(contacts) == 300
        assert int(new) > 200
        assert failed == "0"
    assert "Authorization: Bearer" in ended.stdout
    assert "Traceback" not in ended.stderr
    assert not ended.stderr, ended.stderr
    assert mongods(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_no_contacts_at_all_are_imported_too(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "everreach", "demo", "--contacts", "0"]
    env = environment(tmp_path, TMPDIR=str(tmp_path))
    ended = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "0 contacts processed in all." in ended.stdout
