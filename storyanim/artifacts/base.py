"""The class of all values made of words and numbers, and their YAML."""

from __future__ import annotations

import json
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field

YAML_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)      # libyaml's, where it is there

ShotId = Annotated[str, Field(pattern=r"^s\d{2,4}$")]


class FrozenModel(BaseModel):
    """A value made of words and numbers: frozen, strict about its fields, one JSON text per value."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def canonical(self) -> str:
        """Return the value as JSON with sorted keys: equal values, equal text."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False,
                          separators=(",", ":"))


class _Yaml(yaml.SafeDumper):
    """Quotes what YAML takes for ends of lines, so that it comes back as it was."""


def _quoted(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text,
                                   style='"' if set(text) & set("\x85\u2028\u2029") else None)


_Yaml.add_representer(str, _quoted)


def to_yaml(value: object) -> str:
    """Return plain values as YAML for people: fields in their order."""
    return yaml.dump(value, Dumper=_Yaml, sort_keys=False, allow_unicode=True, width=110)
