"""The claim file: what survives what."""

from __future__ import annotations

import os

import pytest
from xcat_hamn.database.postgresql import decision as d
from xcat_hamn.database.postgresql.claim import Claim


@pytest.fixture
def claim(tmp_path):
    return Claim(str(tmp_path / "lib/xcat-db"))


@pytest.mark.parametrize("word", d.CLAIMS)
def test_a_claim_is_read_back(claim, word):
    claim.write(word, 7)
    assert claim.read(7) == word


@pytest.mark.parametrize("word", [d.CLAIM_ALONE, d.CLAIM_LEADING])
def test_a_claim_ends_with_its_timeline(claim, word):
    """Data of another timeline came from somebody who was the primary since."""
    claim.write(word, 7)
    assert claim.read(8) == d.CLAIM_FOLLOWING
    assert claim.read(6) == d.CLAIM_FOLLOWING


def test_no_file_means_never_managed(claim):
    assert claim.read(1) == d.CLAIM_FRESH


@pytest.mark.parametrize("damage", ["", "\n", "alone", "alone x", "ALONE 1", "\0\0\0", "first 1"])
def test_a_damaged_file_claims_nothing(claim, tmp_path, damage):
    claim.write(d.CLAIM_ALONE, 1)
    (tmp_path / "lib/xcat-db/claim").write_text(damage)
    assert claim.read(1) == d.CLAIM_FOLLOWING


def test_it_is_on_disk_with_its_directories_before_write_returns(claim, tmp_path, monkeypatch):
    done, real = [], os.fsync

    def recorded(descriptor):
        done.append(os.path.realpath(f"/proc/self/fd/{descriptor}"))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", recorded)
    claim.write(d.CLAIM_ALONE, 1)
    lib = tmp_path / "lib"
    assert done[0].startswith(f"{lib}/xcat-db/claim")
    assert done[1:] == [f"{lib}/xcat-db", str(lib)]


def test_an_unchanged_claim_writes_nothing(claim, monkeypatch):
    claim.write(d.CLAIM_LEADING, 2)
    monkeypatch.setattr(os, "rename", None)
    claim.write(d.CLAIM_LEADING, 2)


@pytest.mark.parametrize("was_standby", [True, False])
def test_the_first_claim_comes_from_what_the_data_was_used_for(claim, was_standby):
    claim.settle(lambda: was_standby)
    assert claim.read(1) == (d.CLAIM_FOLLOWING if was_standby else d.CLAIM_FRESH)
    # Later it would look like a standby in any case: every start makes it one.
    claim.settle(lambda: pytest.fail("asked again"))
