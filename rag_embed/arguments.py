"""What a call is given: counts are integers of Python or numpy, truth values no numbers, options known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from difflib import get_close_matches
from functools import cache, wraps
from inspect import Parameter, signature
from math import isfinite
from numbers import Integral, Real
from types import FunctionType
from typing import Any, ParamSpec, TypeVar

from typing_extensions import get_protocol_members

from rag_embed.errors import BadInput, class_name, class_of

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

_ELSEWHERE = {
    "k": "topk n limit nresults numresults similaritytopk maxresults size",
    "where": "filter filters metadatafilter condition",
    "filter": "where filters metadatafilter condition",
    "user": "userid owner tenant namespace",
    "min_relevance": "threshold minscore scorethreshold similaritythreshold similaritycutoff",
    "diversity": "mmr lambdamult mmrthreshold",
    "previous": "history chathistory messages",
    "group_by": "groupby collapse distinct",
    "encoder": "embedding embeddings embedmodel embeddingfunction model",
    "embedding": "encoder embeddings embedmodel embeddingfunction model",
    "model": "encoder embedding embeddings embedmodel",
    "path": "uri persistdirectory persistdir folder",
    "uri": "path persistdirectory persistdir folder",
}
"""Our names, and what other libraries call the same, without the marks between words."""


def count(what: str, given: object, least: int = 1, most: int | None = None) -> int:
    """A count as a plain int.

    Args:
        what: Its name, for the message.
        given: An integer, of Python or numpy.
        least: The smallest that is allowed.
        most: The largest; None for any.

    Raises:
        BadInput: It is no integer, or out of range.

    Examples:
        >>> import numpy as np
        >>> count("k", np.int64(3))
        3
    """
    if type(given) is int or (isinstance(given, Integral) and not isinstance(given, bool)):
        plain = int(given)
        if least <= plain and (most is None or plain <= most):
            return plain
    limits = f">= {least}" if most is None else f"from {least} to {most}"
    raise BadInput(f"{what} must be an integer {limits}, got {given!r}.")


def set_counts(owner: Any, least: int = 1, *names: str) -> None:  # noqa: ANN401
    """Check counts that a frozen dataclass was given, and keep them as plain ints.

    Args:
        owner: The dataclass, in its ``__post_init__``.
        least: The smallest that is allowed.
        *names: Its attributes; None is kept where the type allows it.

    Raises:
        BadInput: One is no integer, or out of range.
    """
    optional = {one.name for one in fields(owner) if "None" in str(one.type)}
    for name in names:
        if (given := getattr(owner, name)) is not None or name not in optional:
            plain = count(f"{type(owner).__name__}.{name}", given, least)
            object.__setattr__(owner, name, plain)


def is_number(given: object) -> bool:
    """Whether this is a real number, of Python or numpy, that a float holds.

    Examples:
        >>> is_number(0.5), is_number(True), is_number("1"), is_number(10**400)
        (True, False, False, False)
    """
    if not isinstance(given, Real) or isinstance(given, bool):
        return False
    try:
        float(given)
    except OverflowError:
        return False
    return True


def check_numbers(owner: Any, *names: str) -> None:  # noqa: ANN401
    """Refuse what is no finite number among what a dataclass was given; NaN is neither above nor below a limit.

    Args:
        owner: The dataclass, in its ``__post_init__``.
        *names: Its attributes.

    Raises:
        BadInput: One is no number, or not finite.
    """
    for name in names:
        given = getattr(owner, name)
        if not is_number(given) or not isfinite(given):
            raise BadInput(f"{type(owner).__name__}.{name} must be a number, got {given!r}.")


def nearest(given: str, known: Iterable[str]) -> str | None:
    """The known name that was meant: one spelt alike, or ours for what other libraries call so.

    Args:
        given: A name, or an option of a shell.
        known: Names, or options.

    Returns:
        None where none is near.

    Examples:
        >>> nearest("min_relevanc", ["k", "min_relevance"]), nearest("--topk", ["-k", "--where"])
        ('min_relevance', '-k')
    """
    bare = {one.strip("-").replace("-", "_"): one for one in known}
    name = given.strip("-").replace("-", "_")
    if close := get_close_matches(name, bare, 1, 0.75):
        return bare[close[0]]
    joined = name.replace("_", "").lower()
    ours = (one for one, others in _ELSEWHERE.items() if one in bare and joined in others.split())
    return next((bare[one] for one in ours), None)


def _unknown(what: str, given: Iterable[str], known: Iterable[str]) -> str | None:
    """That a call has not all these options, and which it has; None where it has them all."""
    names = sorted(known)
    strange = sorted(set(given) - set(names))
    if not strange:
        return None
    near = nearest(strange[0], names)
    meant = f"did you mean {near!r}? It" if near else "it"
    return f"{what} has no option {strange[0]!r}; {meant} takes {', '.join(names)}."


def check_options(what: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Refuse options that a call would not read.

    Args:
        what: The call, for the message.
        given: Names of what it was given.
        known: Names of what it reads.

    Raises:
        BadInput: One is not known.
    """
    if told := _unknown(what, given, known):
        raise BadInput(told)


def check_keywords(what: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Refuse keywords as Python does, and name those that there are; arguments as in `check_options`.

    Raises:
        TypeError: One is not known.
    """
    if told := _unknown(what, given, known):
        raise TypeError(told)


def check_named(what: str, given: Sequence[object], example: str) -> None:
    """Refuse arguments without a name where there is none for them.

    Args:
        what: The call, for the message.
        given: What came without a name.
        example: How the first is named.

    Raises:
        TypeError: There are some.
    """
    if given:
        raise TypeError(f"{what}() takes its options by name: {what}({example}).")


def lacking(given: object, wanted: type) -> str | None:
    """What an object has not that a Protocol asks for, as a part of a message; None where it has all.

    Args:
        given: Anything.
        wanted: A Protocol.
    """
    if isinstance(given, type):
        return f"{given.__qualname__} is a class: call it, and give what it makes"
    if isinstance(given, str | bytes):
        return f"{given[:40]!r} is a {class_of(given)}"
    missing = [name for name in _members(wanted) if not hasattr(given, name)]
    if not missing:
        return None
    told = f"{class_of(given)} has no {' and no '.join(missing[:4])}"
    inside = wanted.__name__.lower()
    return f"{told}; give its .{inside}" if hasattr(given, inside) else told


def check_is(what: str, given: T, wanted: type) -> T:
    """What is no implementation of a Protocol is refused where it is given, not where it is first used.

    Args:
        what: Its name, for the message.
        given: Anything.
        wanted: The Protocol.

    Raises:
        BadInput: It lacks a member, or is a class.

    Examples:
        >>> from rag_embed.protocols import Reranker
        >>> check_is("reranker", None, Reranker)
        Traceback (most recent call last):
        ...
        rag_embed.errors.BadInput: reranker is a rag_embed.protocols.Reranker; NoneType has no rerank.
    """
    if told := lacking(given, wanted):
        room = ".".join(wanted.__module__.split(".")[:2])
        raise BadInput(f"{what} is a {room}.{wanted.__name__}; {told}.")
    return given


def check_made(what: str, given: T, wanted: type[T]) -> T:
    """What is no object of a class is refused where it is given, as `check_is` does for a Protocol.

    Args:
        what: Its name, for the message.
        given: Anything.
        wanted: The class.

    Raises:
        BadInput: It is something else.

    Examples:
        >>> check_made("labels", 3, list)
        Traceback (most recent call last):
        ...
        rag_embed.errors.BadInput: labels is a list, got int.
    """
    if not isinstance(given, wanted):
        told = "a class" if isinstance(given, type) else class_of(given)
        raise BadInput(f"{what} is a {class_name(wanted)}, got {told}.")
    return given


def check_calls(what: str, given: object, *, needed: bool = True) -> None:
    """Refuse what is no function.

    Args:
        what: Its name, for the message.
        given: Anything.
        needed: Whether None is refused too.

    Raises:
        BadInput: It cannot be called.
    """
    if not callable(given) and (needed or given is not None):
        raise BadInput(f"{what} is a function, got {class_of(given)}.")


@cache
def _members(wanted: type) -> list[str]:
    return sorted(get_protocol_members(wanted))


def made_by(makers: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """For a constructor that nobody calls: arguments that do not fit are answered with what is called.

    Args:
        makers: A sentence that names it.

    Raises:
        TypeError: The arguments do not fit.
    """

    def decorated(function: Callable[P, R]) -> Callable[P, R]:
        takes = signature(function)

        @wraps(function)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                takes.bind(*args, **kwargs)
            except TypeError as error:
                raise TypeError(makers) from error
            return function(*args, **kwargs)

        return checked

    return decorated


def naming_throughout(owner: type[T]) -> type[T]:
    """A class whose public methods are all `naming_keywords`, but for those that take options of a `TypedDict`.

    Examples:
        >>> @naming_throughout
        ... class Shelf:
        ...     def find(self, text: str, *, k: int = 10) -> str:
        ...         return text * k
        >>> Shelf().find("a", top_k=2)
        Traceback (most recent call last):
        ...
        TypeError: Shelf.find() has no option 'top_k'; did you mean 'k'? It takes k, text.
    """
    for name, member in list(vars(owner).items()):
        if not name.startswith("_") and isinstance(member, FunctionType):
            kinds = {one.kind for one in signature(member).parameters.values()}
            if Parameter.VAR_KEYWORD not in kinds:
                setattr(owner, name, naming_keywords(member))
    return owner


def naming_keywords(function: Callable[P, R]) -> Callable[P, R]:
    """A function that, called with a keyword it has not or with too many arguments, names those that it has.

    Raises:
        TypeError: One is not known; as without it, where only the name of the keyword was told.

    Examples:
        >>> @naming_keywords
        ... def find(text: str, *, k: int = 10) -> str:
        ...     return text * k
        >>> find("a", top_k=2)
        Traceback (most recent call last):
        ...
        TypeError: find() has no option 'top_k'; did you mean 'k'? It takes k, text.
    """
    takes = signature(function).parameters.values()
    known = [one.name for one in takes if one.name not in ("self", "cls")]
    places = [one.name for one in takes if one.kind is not Parameter.KEYWORD_ONLY]
    several = any(one.kind is Parameter.VAR_POSITIONAL for one in takes)
    named = [name for name in known if name not in places]
    what = function.__qualname__.removesuffix(".__init__")

    @wraps(function)
    def naming(*args: P.args, **kwargs: P.kwargs) -> R:
        check_keywords(f"{what}()", kwargs, known)
        if named and not several and len(args) > len(places):
            raise TypeError(
                f"{what}() takes {', '.join(named)} by name: {what}(..., {named[0]}=...)."
            )
        return function(*args, **kwargs)

    return naming
