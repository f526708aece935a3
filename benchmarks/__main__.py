"""`python -m benchmarks SUITE ...` measures and writes a file per part; ``render`` shows them."""

from __future__ import annotations

import argparse
import ast
import sys
import tempfile
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks import pictures, render
from benchmarks.common import Bench, Suite
from benchmarks.records import RESULTS, ROOT, Result

PLACES = ("data", "work", "out")
SUITES = Path(__file__).with_name("suites")


def names() -> list[str]:
    return sorted(file.stem for file in SUITES.glob("*.py") if not file.stem.startswith("_"))


def suite_of(name: str) -> Suite:
    suite: Suite = import_module(f"benchmarks.suites.{name}").SUITE
    return suite


def about(name: str) -> str:
    """First line of the suite's docstring, without loading what it measures."""
    text = ast.get_docstring(ast.parse((SUITES / f"{name}.py").read_text("utf-8"))) or ""
    return text.splitlines()[0]


def overview() -> argparse.ArgumentParser:
    listed = "\n".join(f"  {name:<14}{about(name)}" for name in names())
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=f"suites:\n{listed}\n  {'render':<14}Write and draw the newest results in the docs.",
        epilog="python -m benchmarks SUITE --help lists parts and options.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("suite", choices=[*names(), "render"], metavar="SUITE")
    return parser


def parser_of(name: str, suite: Suite) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks {name}", description=about(name))
    if suite.data:
        parser.add_argument("--data", type=Path, required=True, help="folder of the public sets")
    if suite.sets:
        parser.add_argument("--sets", nargs="+", default=[*suite.sets], help="of the folder")
    parts = [*suite.parts]
    parser.add_argument("--parts", nargs="+", choices=parts, default=parts)
    parser.add_argument("--work", type=Path, help="keep indexes and vectors here")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the result files")
    for option, settings in suite.options.items():
        parser.add_argument(option, **settings)
    return parser


def plain(value: Any) -> Any:
    """An argument without its place on this machine."""
    if isinstance(value, list):
        return [plain(one) for one in value]
    return value.name if isinstance(value, Path) else value


def said(words: Sequence[str], arguments: argparse.Namespace) -> str:
    """The words again, likewise; where the files went is nobody's business."""
    places = {str(getattr(arguments, "data", "")): "DATA", str(arguments.work): "DIR"}
    kept = [word for i, word in enumerate(words) if "--out" not in words[max(0, i - 1) : i + 1]]
    return " ".join(places.get(word, Path(word).name) for word in kept)


def run(name: str, words: Sequence[str]) -> list[Path]:
    """Measure the parts of a suite; the files that were written are returned."""
    suite = suite_of(name)
    parser = parser_of(name, suite)
    arguments = parser.parse_args(words)
    written = []
    with tempfile.TemporaryDirectory() as scratch:
        work = arguments.work or Path(scratch)
        work.mkdir(parents=True, exist_ok=True)
        data = arguments.data if suite.data else Path()
        bench = Bench(data, work, getattr(arguments, "sets", ()), arguments)
        for part in arguments.parts:
            tables = []
            for table in suite.parts[part](bench):
                bench.say(f"\n{table.name}\n\n{table.markdown()}\n")
                tables.append(table)
            command = f"python -m benchmarks {name} {said(words, arguments)}".strip()
            given = {k: plain(v) for k, v in vars(arguments).items() if k not in PLACES}
            result = Result.now(name, part, command, given, tables)
            written.append(result.write(arguments.out))
            bench.say(f"wrote {written[-1].name}")
    return written


def main() -> None:
    words = sys.argv[1:]
    name = overview().parse_args(words[:1]).suite
    if name == "render":
        for page in [*render.write(), *pictures.write()]:
            print(page.relative_to(ROOT))
    else:
        run(name, words[1:])


if __name__ == "__main__":
    main()
