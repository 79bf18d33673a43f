"""Who may import whom: holds the table in pyproject.toml by import-linter.

    python -m tools.import_table

A row names a package and what it may import: packages of ours, with everything inside them, and libraries. What a row
allows, its inner rows allow too. A module belongs to the innermost row that names it or a package around it; it may
always import the modules of the same row and the standard library. Imports inside functions and under TYPE_CHECKING
count. A library with a dot, such as `comfy_api.latest`, allows only that part of the library.

`nodes` imports `..pipelines`, so the checkout must be a package to be read; ComfyUI makes it one under the name of its
folder, here it is `PACK`. `demo` and `tools` name `pipelines` in full, so it is read under both names.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields
from importlinter.cli import lint_imports

CHECKOUT = Path(__file__).resolve().parents[1]
PACK = "rgba_video"


class TableField(fields.Field):
    """A TOML table: the name of each row, and what it allows."""

    def parse(self, raw_data: Any) -> dict[str, list[str]]:
        if not isinstance(raw_data, dict) or not all(isinstance(allowed, list) for allowed in raw_data.values()):
            raise fields.ValidationError('expected rows such as "pipelines.alpha" = ["torch", "einops"].')
        return raw_data


class ImportTable(Contract):
    """Every import must be one that its row allows."""

    type_name = "import_table"

    may_import = TableField()

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Refuses every import that no row allows."""
        refused = sorted(set(_refuse(graph, self.may_import)))
        return ContractCheck(kept=not refused, metadata={"refused": refused})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Prints where each import stands and what its row allows."""
        for module, line, message in check.metadata["refused"]:
            sys.stdout.write(f"{module}, line {line}: {message}\n")  # import-linter's own output breaks long lines


def _refuse(graph: ImportGraph, rows: Any) -> Iterator[tuple[str, int, str]]:
    """Module, line and message of each import that is not allowed."""
    for importer in graph.modules:
        if graph.is_module_squashed(importer):  # a library
            continue
        module = importer.removeprefix(f"{PACK}.")
        row = _find_row(module, rows)
        allowed = {name for outer, names in rows.items() if _is_in(module, outer) for name in names}
        for imported in graph.find_modules_directly_imported_by(importer):
            target = imported.removeprefix(f"{PACK}.")
            if target in sys.stdlib_module_names or (row and _find_row(target, rows) == row):
                continue
            if not target:  # above `pipelines`: the module is read as a part of PACK as well
                continue
            for details in graph.get_import_details(importer=importer, imported=imported):
                line = details["line_contents"]
                if not any(_is_in(target, name) or (_is_in(name, target) and name in line) for name in allowed):
                    message = f"imports {target}; {row or 'a module without a row'} may import "
                    yield module, details["line_number"], message + (", ".join(sorted(allowed)) or "nothing")


def _find_row(module: str, rows: Any) -> str | None:
    """The innermost row that covers a module."""
    return max((row for row in rows if _is_in(module, row)), key=len, default=None)


def _is_in(module: str, package: str) -> bool:
    return f"{module}.".startswith(f"{package}.")


def main() -> int:
    """Check this checkout; 0 if every import is allowed."""
    spec = spec_from_file_location(PACK, CHECKOUT / "__init__.py", submodule_search_locations=[str(CHECKOUT)])
    assert spec is not None  # the file ends in .py
    sys.modules[PACK] = module_from_spec(spec)  # found by its name from here on, and not run
    return lint_imports(str(CHECKOUT / "pyproject.toml"), no_cache=True, no_logo=True)


if __name__ == "__main__":
    sys.exit(main())
