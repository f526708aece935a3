"""``rag-embed remember``, ``forget`` and ``profile``."""

from __future__ import annotations

import json
import os
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Any

import typer

from rag_embed.cli.show import emit, err, facts, out
from rag_embed.errors import BadInput, StoreError
from rag_embed.events import check_user
from rag_embed.index import Index
from rag_embed.indexing.certificate import certified
from rag_embed.personal.exchange import exported, read_events
from rag_embed.personal.influence import Moved
from rag_embed.personal.profiles import Profile
from rag_embed.stores.places import place
from rag_embed.text import amount

Kb = Annotated[str, typer.Argument(metavar="KB", help="Folder or URI of the index.")]
User = Annotated[str, typer.Argument(metavar="USER", help="Id of the user.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def remember(
    kb: Kb,
    events: Annotated[Path, typer.Argument(help="File of JSON lines, each with a text at least.")],
    user: Annotated[
        str | None, typer.Option(help="User whose events they all are, whatever the lines say.")
    ] = None,
    half_life: Annotated[
        float | None,
        typer.Option(help="Seconds after which an event counts half; fixed by the first events."),
    ] = None,
) -> None:
    """Remember what users did; a known event is replaced."""
    if user is not None:
        check_user(user)
    index = Index.open(kb)
    if half_life is not None:
        index.users.fade(half_life)
    count = index.users.profiles.remember(read_events(events, user))
    err.print(f"remembered {amount(count, 'event')}")


def forget(
    kb: Kb,
    user: User,
    event: Annotated[
        list[str] | None, typer.Option(help="Erase only the event of this id; repeat it for more.")
    ] = None,
    certificate: Annotated[
        Path | None,
        typer.Option(help="Scan everything afterwards, and write what was seen to this JSON file."),
    ] = None,
) -> None:
    """Erase a user's documents, events and weights, or some events, from every file."""
    if certificate is not None and event:
        raise BadInput("--certificate is for a whole user; leave out --event.")
    index, user = Index.open(kb), check_user(user)
    if certificate is None:
        count = index.forget(user, event or None)
    else:
        _writable(certificate)
        seen = certified(place(kb), index.store, index.spaces.own, user, lambda: index.forget(user))
        shown = json.dumps(seen.shown, ensure_ascii=False, indent=1)
        certificate.write_text(f"{shown}\n", encoding="utf-8")
        if seen.left:
            raise StoreError(
                f"Something of user {user!r} is left, in {seen.left[0]!r} and {len(seen.left) - 1} more "
                f"places, which {os.fspath(certificate)!r} lists. Forget again, and report it."
            )
        count = seen.erased
        err.print(f"scanned {amount(len(seen.scan.files), 'file')}, found nothing")
    what = amount(count, "event") if event else f"{count} in all: documents, events and weights"
    err.print(f"forgot {what}")
    if not count:
        raise typer.Exit(3)


def _writable(certificate: Path) -> None:
    """Fail before anything is erased: what was erased cannot be certified later.

    Raises:
        BadInput: The file cannot be written.
    """
    new = not certificate.exists()
    try:
        with certificate.open("a"):
            pass
    except OSError as error:
        raise BadInput(
            f"Nothing was erased, since no certificate can be written: {error}."
        ) from error
    if new:
        certificate.unlink()


def profile(
    kb: Kb,
    user: User,
    instruction: Annotated[str, typer.Option(help="What the profile is to be used for.")] = "",
    export: Annotated[
        Path | None, typer.Option(help="Write all events to this file, as JSON lines.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what is known of a user."""
    profiles = Index.open(kb).users.profiles
    known = profiles.profile(user, instruction=instruction)
    if export is not None:
        lines = exported(profiles, user)
        export.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    if as_json:
        emit(_profile_json(known))
    else:
        _print_profile(known)
    if not known.count:
        err.print("nothing is known")
        raise typer.Exit(3)


def moved_line(moved: Moved) -> str:
    """For ``ask-why``."""
    if not moved.strength:
        return "nothing is known of the user"
    events = [f"{one.event.text!r} {one.cosine:+.3f}" for one in moved.influences]
    whole = f"cosine: query {moved.query:+.3f}, history {moved.history:+.3f}"
    return "; ".join([whole, *events])


def _when(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="seconds")
    except (OverflowError, ValueError, OSError):  # a clock of the owner's own
        return f"{seconds:g}"


def _profile_json(known: Profile) -> dict[str, Any]:
    return {
        "user": known.user,
        "events": known.count,
        "kinds": dict(known.kinds),
        "first": _when(known.first),
        "last": _when(known.last),
        "foremost": [
            {"id": event.id, "text": event.text, "kind": event.kind, "share": round(share, 4)}
            for event, share in zip(known.foremost, known.shares, strict=True)
        ],
    }


def _print_profile(known: Profile) -> None:
    rows: dict[str, object] = {"events": known.count}
    if known.count:
        rows["kinds"] = ", ".join(f"{kind} {count}" for kind, count in known.kinds.items())
        rows["from"], rows["to"] = _when(known.first), _when(known.last)
    out.print(facts(known.user, rows))
    for event, share in zip(known.foremost, known.shares, strict=True):
        out.print(f"{share:6.1%}  {event.text}", markup=False)
