"""Options of an object store: the credentials among them stay in the process that was given them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from rag_embed.errors import BadInput, StoreError

_SECRET = re.compile(r"key|secret|token|password|credential|sas|signature|service_account", re.I)


def secret(options: Mapping[str, str]) -> list[str]:
    """Names of the options that are credentials, or hold some.

    Examples:
        >>> secret({"region": "eu", "aws_secret_access_key": "x", "endpoint": "http://ann:x@host"})
        ['aws_secret_access_key', 'endpoint']
    """
    return [name for name, value in options.items() if _SECRET.search(name) or "@" in value]


def check_options(options: object) -> None:
    """Check options of an object store, before anything is made of them; no message holds a value.

    Raises:
        BadInput: They are no mapping of str to str.

    Examples:
        >>> check_options({"region": "eu"})
    """
    if options is None:
        return
    if not isinstance(options, Mapping):
        raise BadInput(
            f"storage_options is a mapping of names to values, got {type(options).__name__}; write "
            "{'region': ...}."
        )
    for name, value in options.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise BadInput(
                f"storage_options are str, got {type(value).__name__} for {name!r}; write it as a str."
            )


class StorageOptions(dict[str, str]):
    """Options that are pickled without credentials, and shown without them.

    Another process takes those from its environment, under their names in capitals, as object stores do.

    Raises:
        StoreError: It is unpickled where the environment lacks one.

    Examples:
        >>> StorageOptions(region="eu", aws_secret_access_key="x")
        StorageOptions(['aws_secret_access_key', 'region'])
    """

    def __repr__(self) -> str:
        return f"{type(self).__name__}({sorted(self)})"

    def __copy__(self) -> StorageOptions:
        return StorageOptions(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> StorageOptions:
        return StorageOptions(self)

    def __reduce__(self) -> tuple[Any, ...]:
        withheld = secret(self)
        shown = {name: value for name, value in self.items() if name not in withheld}
        return _elsewhere, (shown, withheld)


def _elsewhere(shown: dict[str, str], withheld: Sequence[str]) -> StorageOptions:
    """The options in a process that did not get the credentials."""
    if missing := [name.upper() for name in withheld if name.upper() not in os.environ]:
        raise StoreError(
            "Credentials of an object store do not travel with an index. Set "
            f"{', '.join(missing)} in the environment of this process, or open the index in it with "
            "Index.open(..., storage_options=...)."
        )
    return StorageOptions(shown, **{name: os.environ[name.upper()] for name in withheld})
