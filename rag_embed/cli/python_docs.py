"""What every Python says of itself, and questions, written down before a system was asked them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from importlib import import_module

from rag_embed.types import Document

MODULES = (
    *("builtins", "argparse", "base64", "bisect", "calendar", "collections"),
    *("concurrent.futures", "configparser", "contextlib", "copy", "csv", "dataclasses"),
    *("datetime", "difflib", "fileinput", "fnmatch", "fractions", "functools", "getpass", "glob"),
    *("gzip", "hashlib", "heapq", "html", "io", "itertools", "json", "logging", "math"),
    *("mimetypes", "operator", "os", "os.path", "pathlib", "pickle", "platform", "pprint"),
    *("queue", "random", "re", "sched", "secrets", "shelve", "shlex", "shutil", "statistics"),
    *("string", "struct", "subprocess", "sys", "tarfile", "tempfile", "textwrap", "threading"),
    *("time", "timeit", "traceback", "urllib.parse", "urllib.request", "uuid", "warnings"),
    *("webbrowser", "zipfile"),
)
"""Modules of the standard library that everyday programs use."""

_LEVELS = {"*": "#", "=": "##", "-": "###"}


def standard_library() -> Iterator[Document]:
    """An entry for each function, class and method of `MODULES`: how it is called, and its docstring."""
    seen: set[int] = set()
    for module in MODULES:
        offers = import_module(module)
        home = "" if module == "builtins" else f"{module}."
        for name in sorted(getattr(offers, "__all__", dir(offers))):
            found = getattr(offers, name)
            if name[0] != "_" and callable(found) and id(found) not in seen:
                seen.add(id(found))
                yield from _entry(home + name, found)
                for inner in sorted(vars(found)) if inspect.isclass(found) else ():
                    if inner[0] != "_":
                        yield from _entry(f"{home}{name}.{inner}", getattr(found, inner, None))


def _entry(name: str, found: object) -> Iterator[Document]:
    """Nothing where it has no docstring of its own."""
    said = getattr(found, "__doc__", None)
    if isinstance(said, str) and said.strip() and said != type(found).__doc__:
        yield Document(name, f"{name}{_signature(found)}\n\n{inspect.cleandoc(said)}", name)


def _signature(found: object) -> str:
    try:
        return str(inspect.signature(found)) if callable(found) else ""
    except (TypeError, ValueError):  # many of those that are written in C tell none
        return ""


def language_reference() -> Iterator[Document]:
    """The topics behind Python's ``help()``, their underlined headings as Markdown."""
    from pydoc_data.topics import topics

    for name, text in sorted(topics.items()):
        markdown = _markdown(text)
        title = markdown.split("\n", 1)[0].lstrip("# ")
        yield Document(name, markdown, title, {"format": "markdown"})


def _markdown(text: str) -> str:
    # Code is indented by three spaces there, by four in Markdown.
    indented = re.sub(r"^ {3}", "    ", text.strip(), flags=re.MULTILINE)
    return re.sub(
        r"^(\S.*)\n([*=-])\2{2,}$",
        lambda match: f"{_LEVELS[match[2]]} {match[1]}",
        indented,
        flags=re.MULTILINE,
    )


DESCRIBED: dict[str, tuple[str, ...]] = {
    "copy a folder with everything in it": ("shutil.copytree",),
    "delete a directory that is not empty": ("shutil.rmtree",),
    "name of a file without its extension": ("os.path.splitext", "pathlib.PurePath.stem"),
    "does this file exist?": (
        *("os.path.exists", "os.path.isfile", "pathlib.Path.exists", "pathlib.Path.is_file"),
    ),
    "run a command and read what it prints": (
        *("subprocess.check_output", "subprocess.getoutput", "subprocess.run"),
        *("subprocess.getstatusoutput", "subprocess.Popen.communicate"),
    ),
    "a file that disappears by itself when I am done": (
        *("tempfile.TemporaryFile", "tempfile.NamedTemporaryFile"),
        "tempfile.SpooledTemporaryFile",
    ),
    "what does lru_cache do when maxsize is None?": ("functools.lru_cache",),
    "remember the results of a slow function": ("functools.lru_cache", "functools.cache"),
    "break long lines at 70 characters": (
        *("textwrap.wrap", "textwrap.fill", "textwrap.TextWrapper.wrap"),
        *("textwrap.TextWrapper.fill", "textwrap.TextWrapper"),
    ),
    "how similar are two strings?": (
        *("difflib.SequenceMatcher", "difflib.SequenceMatcher.ratio", "difflib.get_close_matches"),
    ),
    "most frequent elements of a list": (
        *("collections.Counter.most_common", "statistics.mode", "statistics.multimode"),
        "collections.Counter",
    ),
    "a dictionary that makes up values for missing keys": ("collections.defaultdict",),
    "zip_longest with a fillvalue": ("itertools.zip_longest",),
    "all pairs of elements, each pair once": ("itertools.combinations",),
    "go through two lists at the same time": ("zip", "itertools.zip_longest"),
    "how much space is left on the disk?": ("shutil.disk_usage",),
    "the value in the middle when numbers are sorted": (
        *("statistics.median", "statistics.median_low", "statistics.median_high"),
    ),
    "largest number that divides both": ("math.gcd",),
    "always round down": ("math.floor",),
    "pick one of a list at random": ("random.choice", "random.Random.choice", "secrets.choice"),
    "a token for a password link that nobody can guess": (
        *("secrets.token_urlsafe", "secrets.token_hex", "secrets.token_bytes"),
    ),
    "read a date like 2024-05-01": (
        *("datetime.date.fromisoformat", "datetime.datetime.fromisoformat"),
        *("datetime.datetime.strptime", "time.strptime"),
    ),
    "which day of the week is it?": (
        *("datetime.date.weekday", "datetime.date.isoweekday", "calendar.weekday"),
    ),
    "wait for three seconds": ("time.sleep",),
    "how long does my code take?": (
        *("time.perf_counter", "timeit.timeit", "timeit.Timer", "timeit.Timer.timeit"),
        *("timeit.repeat", "timeit.Timer.repeat", "time.process_time"),
    ),
    "can repl be a function in re.sub?": ("re.sub",),
    "every place where a pattern matches": ("re.findall", "re.finditer"),
    "split a command line as a shell does": ("shlex.split",),
    "put something into a sorted list": (*("bisect.insort_left", "bisect.insort"),),
    "the three largest items": ("heapq.nlargest",),
    "show a page in the user's browser": (
        *("webbrowser.open", "webbrowser.open_new", "webbrowser.open_new_tab"),
    ),
    "download a file from the internet": (
        *("urllib.request.urlretrieve", "urllib.request.urlopen"),
    ),
    "%20 instead of spaces in an address": ("urllib.parse.quote", "urllib.parse.quote_plus"),
    "print nested data so that one can read it": (
        *("pprint.pprint", "pprint.pp", "pprint.pformat"),
    ),
    "write an error with its traceback to the log": (
        *("logging.exception", "logging.Logger.exception", "logging.LoggerAdapter.exception"),
    ),
    "run a function in several threads": (
        *("threading.Thread", "concurrent.futures.Executor.map"),
        "concurrent.futures.Executor.submit",
    ),
    "make a zip file of a folder": ("shutil.make_archive",),
    "catch what a function prints": ("contextlib.redirect_stdout",),
    "go on as if an error had not happened": ("contextlib.suppress",),
    "keep an object on disk and load it again": (
        *("pickle.dump", "pickle.load", "shelve.open", "shelve.Shelf", "pickle.Pickler.dump"),
    ),
    "a copy that shares nothing with the original": ("copy.deepcopy",),
    "topdown and followlinks in os.walk": ("os.walk",),
    "remove spaces at both ends": ("str.strip",),
    "does it start with one of several prefixes?": ("str.startswith",),
    "lineno and colno of a JSONDecodeError": ("json.JSONDecodeError",),
    "sort by the second element of each pair": ("operator.itemgetter", "sorted", "list.sort"),
    "stop the program with an exit code": ("sys.exit",),
    "am I on Windows, a Mac or Linux?": (
        *("platform.system", "platform.platform", "platform.uname", "os.uname"),
    ),
}
"""Questions in the words of somebody who does not know the name -> entries that answer them."""

NAMED: dict[str, tuple[str, ...]] = {
    "rsplit with maxsplit": ("str.rsplit", "bytes.rsplit", "bytearray.rsplit"),
    "dirs_exist_ok": ("shutil.copytree",),
    "must the input of groupby be sorted?": ("itertools.groupby",),
    "check and capture_output of subprocess.run": ("subprocess.run",),
    "heappushpop or heapreplace?": ("heapq.heappushpop", "heapq.heapreplace"),
    "what does ensure_ascii do?": ("json.dumps", "json.dump", "json.JSONEncoder"),
    "rel_tol of isclose": ("math.isclose",),
    "timedelta.total_seconds": ("datetime.timedelta.total_seconds",),
    "rglob": ("pathlib.Path.rglob",),
    "maketrans with three arguments": ("str.maketrans",),
    "as_completed with a timeout": ("concurrent.futures.as_completed",),
    "unquote_plus": ("urllib.parse.unquote_plus",),
    "removeprefix": ("str.removeprefix", "bytes.removeprefix", "bytearray.removeprefix"),
    "deque.rotate": ("collections.deque.rotate",),
    "force in basicConfig": ("logging.basicConfig",),
    "os.replace or os.rename?": ("os.replace", "os.rename"),
    "stacklevel of a warning": ("warnings.warn",),
    "urlsplit allow_fragments": ("urllib.parse.urlsplit",),
    "what does exc_info return?": ("sys.exc_info",),
    "uuid5 and its namespace": ("uuid.uuid5",),
    "testzip": ("zipfile.ZipFile.testzip",),
    "compare_digest and timing": ("secrets.compare_digest",),
    "getMessage of a LogRecord": ("logging.LogRecord.getMessage",),
}
"""Questions of somebody who read a name, in a program or a message -> entries that answer them."""
