import pytest

from gateway.emulator.fault import ON_CONNECT
from gateway.emulator.faults_content import CONTENT
from gateway.emulator.faults_plain import PACE, PLAIN
from gateway.emulator.faults_reply import REPLACING
from gateway.emulator.faults_stream import STREAM
from gateway.emulator.kinds import KINDS, family

TAXONOMY = (
    *("T2", "T3", "T4", "T5", "T6", "H1", "H2", "H3", "H4", "H5", "R1", "R2", "R3", "R4", "R5", "R6", "R7"),
    *("A1", "A2", "A3", "A4", "A5", "A6", "M1", "M2", "M3", "M4", "C1", "C2"),
    *("S1", "S2", "S3", "S4", "S5", "S6", "S7", "S8", "Q1", "Q2", "Q3"),
)


def test_every_kind_of_the_catalogue_has_exactly_one_behaviour() -> None:
    behaviours = [ON_CONNECT, *REPLACING, *CONTENT, *STREAM, *PLAIN, *PACE]
    assert sorted(behaviours) == sorted(kind.name for kind in KINDS)


@pytest.mark.parametrize("id_", TAXONOMY)
def test_the_taxonomy_is_covered(id_: str) -> None:
    assert family(id_)
    assert all(kind.id == id_ for kind in family(id_))


def test_modes_follow_from_what_the_behaviour_works_on() -> None:
    modes = {kind.name: kind.mode for kind in KINDS}
    assert {modes[name] for name in STREAM} == {"stream"}
    assert {modes[name] for name in PLAIN} == {"plain"}
    assert {modes[name] for name in [*REPLACING, *PACE]} == {"both"}


def test_an_unknown_name_has_no_family() -> None:
    assert family("T1") == ()
