"""Puts a bill of materials into the wheel: what it depends on, as CycloneDX (PEP 770)."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from packaging.requirements import Requirement


class BillOfMaterials(BuildHookInterface):  # type: ignore[misc]
    """Writes ``sboms/NAME.cdx.json`` into the wheel's ``.dist-info``."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before the wheel is written."""
        core = self.metadata.core
        told = bill(core.name, self.metadata.version, core.dependencies, core.optional_dependencies)
        self._folder = tempfile.TemporaryDirectory()
        path = Path(self._folder.name, f"{core.name}.cdx.json")
        path.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
        build_data["sbom_files"].append(str(path))

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Called when it is written."""
        self._folder.cleanup()


def bill(
    name: str, version: str, dependencies: list[str], extras: dict[str, list[str]]
) -> dict[str, Any]:
    """The document: the same for the same declarations.

    A dependency is named with the versions that it may have, as others choose one; see
    https://cyclonedx.org/docs/1.7/json/#components_items_versionRange.

    Args:
        name: Of the distribution.
        version: Its version.
        dependencies: Requirements that are always installed.
        extras: Requirements of each extra.
    """
    needed = {_name(one.name): one for one in map(Requirement, dependencies)}
    optional = {_name(one.name): one for some in extras.values() for one in map(Requirement, some)}
    own = f"pkg:pypi/{_name(name)}@{version}"
    parts = [_component(one, "required") for _, one in sorted(needed.items())]
    parts += [
        _component(one, "optional")
        for key, one in sorted(optional.items())
        if key not in needed and key != _name(name)
    ]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.7",
        "version": 1,
        "metadata": {
            "component": {
                "type": "library",
                "bom-ref": own,
                "name": name,
                "version": version,
                "purl": own,
            }
        },
        "components": parts,
        "dependencies": [
            {"ref": own, "dependsOn": [one["bom-ref"] for one in parts]},
            *({"ref": one["bom-ref"]} for one in parts),
        ],
    }


def _component(one: Requirement, scope: str) -> dict[str, Any]:
    place = f"pkg:pypi/{_name(one.name)}"
    bounds = sorted(one.specifier, key=lambda bound: bound.operator, reverse=True)
    versions = "|".join(f"{bound.operator.replace('==', '')}{bound.version}" for bound in bounds)
    return {
        "type": "library",
        "bom-ref": place,
        "name": one.name,
        "purl": place,
        "scope": scope,
        "isExternal": True,
        "versionRange": f"vers:pypi/{versions or '*'}",
    }


def _name(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
