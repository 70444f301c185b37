"""Print the exact versions that the running environment holds, as a pip constraints file."""

from importlib.metadata import distributions

HEADER = """\
# The exact versions this release was tested with; `make constraints` rewrites this file from .venv.
# torch has no local part (+cpu): the same line must find the build that your machine's index serves.
# jsonschema stays below 4.25: a later one takes seconds to import, in each process of Jupyter and Ray.
"""
NOT_PINNED = {"embedding-workbench", "pip", "setuptools", "wheel"}


def main() -> None:
    """Write one `name==version` line for each installed package, sorted by name."""
    versions = {dist.name: dist.version.split("+")[0] for dist in distributions()}
    print(HEADER, end="")
    for name in sorted(versions, key=str.lower):
        if name.lower() not in NOT_PINNED:
            print(f"{name}=={versions[name]}")


if __name__ == "__main__":
    main()
