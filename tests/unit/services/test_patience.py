"""A proof that fails at first is asked again; a hung one is not."""

import pytest
from xcat_hamn.errors import CommandFailed, CommandTimeout, HamnError
from xcat_hamn.services.patience import until_right
from xcat_hamn.system.deadline import Deadline


def proof_that(*answers):
    left, asked = list(answers), []

    def proof():
        asked.append(1)
        answer = left.pop(0) if len(left) > 1 else left[0]
        if answer:
            raise answer

    return proof, asked


def test_a_proof_may_become_right():
    proof, asked = proof_that(CommandFailed("not yet"), HamnError("wrong yet"), None)
    until_right(Deadline(5), proof)
    assert len(asked) == 3


def test_a_proof_that_stays_wrong_says_its_last_reason():
    proof, asked = proof_that(HamnError("first"), HamnError("last"))
    with pytest.raises(HamnError, match="last"):
        until_right(Deadline(5), proof)
    assert len(asked) > 1


def test_a_command_that_hung_is_not_asked_again():
    proof, asked = proof_that(CommandTimeout("hung"))
    with pytest.raises(CommandTimeout):
        until_right(Deadline(5), proof)
    assert len(asked) == 1
