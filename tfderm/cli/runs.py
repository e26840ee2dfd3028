"""`tfderm runs [FOLDER]`: the runs below a folder."""

from pathlib import Path


def add_parser(subparsers) -> None:
    parser = subparsers.add_parser("runs", help="list runs", description="List the runs below a folder.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("runs"))
    parser.set_defaults(run=run)


def run(arguments) -> int:
    from tfderm.errors import InputError
    from tfderm.run import Run

    if not arguments.folder.is_dir():
        raise InputError(f"{arguments.folder} is no folder; give the folder that holds your runs.")
    for path in sorted(arguments.folder.rglob("recipe.json")):
        found = Run.open(path.parent)
        state = "trained" if (found.path / "model.keras").is_file() else "unfinished"
        evaluated = "evaluated" if (found.path / "metrics.json").is_file() else ""
        bundles = ", ".join(sorted(bundle.name for bundle in (found.path / "bundles").glob("[!.]*")))
        print(f"{found.path}  {found.recipe.name}  {state}  {evaluated}  {bundles}".rstrip())
    return 0
