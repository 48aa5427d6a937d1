import pytest
from pydantic import ValidationError

from gateway.config.section import Name, Section


class Sample(Section):
    name: Name


def test_a_section_knows_its_keys_and_repeats_no_value() -> None:
    with pytest.raises(ValidationError) as refused:
        Sample.model_validate({"name": "a", "other": "hush"})
    assert "hush" not in str(refused.value)


def test_a_section_is_frozen() -> None:
    sample = Sample.model_validate({"name": "a"})
    with pytest.raises(ValidationError):
        sample.name = "b"
