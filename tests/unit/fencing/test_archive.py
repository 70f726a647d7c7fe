"""Which of the configurations on disk was the one at the loss."""

from __future__ import annotations

import os

import pytest
from xcat_hamn.fencing.archive import configuration_at_loss


@pytest.fixture()
def disk(tmp_path):
    """Return a maker of files with a time, in the two daemons' directories."""

    def put(name, time):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{name} of {time}")
        os.utime(path, (time, time))

    put.ask = lambda: configuration_at_loss(f"{tmp_path}/corosync", f"{tmp_path}/cib")
    return put


def test_the_newest_one_that_is_older_than_the_membership(disk):
    for name, time in (("cib-1.raw", 10), ("cib-2.raw", 20), ("cib.xml", 30)):
        disk(f"cib/{name}", time)
    disk("cib/cib-2.raw.sig", 24)
    disk("cib/cib.xml.sig", 24)
    disk("corosync/ringid_1", 25)
    assert disk.ask() == "cib/cib-2.raw of 20"
    disk("corosync/ringid_1", 30)
    assert disk.ask() == "cib/cib.xml of 30"


def test_nothing_is_known_without_the_daemons_files_or_when_all_are_newer(disk):
    assert disk.ask() is None
    disk("cib/cib.xml", 30)
    assert disk.ask() is None
    disk("corosync/ringid_1", 25)
    assert disk.ask() is None
