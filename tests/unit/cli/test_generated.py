"""Files in the tree that are written from declarations are current, and what they promise works.

UPDATE_GOLDEN=1 writes them anew.
"""

from __future__ import annotations

import os
import subprocess

import pytest
from xcat_hamn.cli.generated import FILES
from xcat_hamn.cluster.fragments import directory

TREE = os.path.dirname(directory())


@pytest.mark.parametrize("path", FILES)
def test_a_generated_file_is_current(path):
    full = os.path.join(TREE, path)
    if os.environ.get("UPDATE_GOLDEN"):
        with open(full, "w", encoding="utf-8") as stream:
            stream.write(FILES[path]())
    with open(full, encoding="utf-8") as stream:
        assert stream.read() == FILES[path](), f"run `make docs`: {path} is not current"


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["conf"], {"configure"}),
        (["configure", "--d"], {"--dry-run"}),
        (["configure", "--"], {"--dry-run", "--file", "--help", "--json"}),
    ],
)
def test_bash_completes_verbs_and_options(words, offered):
    script = """
        source "$1"; shift
        COMP_WORDS=(xcat-hamn "$@"); COMP_CWORD=$#
        _xcat_hamn; printf '%s\\n' "${COMPREPLY[@]}"
    """
    file = os.path.join(TREE, "packaging/xcat-hamn.bash-completion")
    run = subprocess.run(
        ["bash", "-c", script, "test", file, *words], capture_output=True, text=True, check=True
    )
    assert set(run.stdout.split()) == offered
