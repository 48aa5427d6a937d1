from dataclasses import fields

import pytest

from gateway.emulator.fault import ON_CONNECT, Fault, Hit
from gateway.emulator.faults_reply import REPLACING
from gateway.emulator.kinds import KINDS, Kind
from gateway.emulator.twist import Twist, twist

TWISTING = [kind for kind in KINDS if kind.name not in REPLACING and kind.name != ON_CONNECT]


def test_without_a_fault_nothing_is_twisted() -> None:
    assert twist(None) == Twist()


@pytest.mark.parametrize("kind", TWISTING, ids=lambda kind: kind.name)
def test_a_fault_twists_exactly_one_step(kind: Kind) -> None:
    twisted = twist(Hit(Fault(kind.name), kind))
    changed = [field.name for field in fields(Twist) if getattr(twisted, field.name) != getattr(Twist(), field.name)]
    assert len(changed) == 1
