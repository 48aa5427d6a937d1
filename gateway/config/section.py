"""What every section of the config file has in common: strictness, and the kinds of values."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict

from gateway.config import scalars

Text = Annotated[str, scalars.text()]
Name = Annotated[str, scalars.name()]
Flag = Annotated[bool, scalars.flag()]
Seconds = Annotated[float, scalars.duration()]
SecondsOrZero = Annotated[float, scalars.duration(zero=True)]
Share = Annotated[float, scalars.share()]
ShareOrZero = Annotated[float, scalars.share(zero=True)]
Count = Annotated[int, scalars.count(1, 1_000_000_000)]
Usd = Annotated[float, scalars.amount(1_000_000_000)]


class Section(BaseModel):
    """A mapping in the file: unknown keys are errors, and no error repeats a value, which may be a secret."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
