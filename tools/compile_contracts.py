"""Compile ``sandbox/contracts/*.vy`` to the JSON beside them, with the vyper that the sources name.

``python tools/compile_contracts.py`` writes the artifacts; with ``--check`` it compares them, and exits 1 if one differs.
An artifact has the ABI, the creation and the runtime bytecode, the compiler and its settings, and the storage slots that
``layouts.json`` sets (for the slots of ERC-1967, which are hashes).
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

CONTRACTS = Path(__file__).resolve().parent.parent / "sandbox/contracts"
EVM_VERSION = "cancun"


def compile_contract(source: Path) -> dict[str, Any]:
    """The artifact of one source."""
    import vyper
    from vyper.compiler import compile_code
    from vyper.compiler.input_bundle import JSONInput
    from vyper.compiler.settings import OptimizationLevel, Settings

    layout = json.loads((source.parent / "layouts.json").read_text("utf-8")).get(source.stem)
    slots = {name: {**entry, "slot": int(entry["slot"], 16)} for name, entry in (layout or {}).items()}
    # The path only names the file in the compiler's own errors.
    nowhere = Path("layout.json")
    compiled = compile_code(
        source.read_text("utf-8"),
        output_formats=["abi", "bytecode", "bytecode_runtime"],
        settings=Settings(optimize=OptimizationLevel.GAS, evm_version=EVM_VERSION),
        storage_layout_override=JSONInput(-1, nowhere, nowhere, json.dumps(slots), slots) if slots else None,
        # Metadata would hold a hash of the comments too.
        no_bytecode_metadata=True,
    )
    return {
        "contract": source.stem,
        "compiler": f"vyper {vyper.__version__}",
        "settings": {"evm_version": EVM_VERSION, "optimize": "gas", "bytecode_metadata": False, "storage_layout": layout},
        "abi": compiled["abi"],
        "bytecode": compiled["bytecode"],
        "runtime_bytecode": compiled["bytecode_runtime"],
    }


def artifact_text(source: Path) -> str:
    """The artifact as the file holds it."""
    return json.dumps(compile_contract(source), indent=1, sort_keys=True) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Compile the local chain's contracts.")
    parser.add_argument("--check", action="store_true", help="compare with the committed artifacts, and write nothing")
    check = parser.parse_args(arguments).check
    stale = []
    for source in sorted(CONTRACTS.glob("*.vy")):
        target = source.with_suffix(".json")
        text = artifact_text(source)
        if target.is_file() and target.read_text("utf-8") == text:
            continue
        stale.append(target.name)
        if not check:
            target.write_text(text, "utf-8")
    print(f"{'differ' if check else 'written'}: {', '.join(stale)}" if stale else "all artifacts are up to date")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
