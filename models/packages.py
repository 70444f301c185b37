"""Model packages on disk: find, open, verify, write."""

from models.locations import models_root, package_path
from models.package_files import ModelPackage, find_package, find_packages, write_manifest

__all__ = [
    "ModelPackage",
    "find_package",
    "find_packages",
    "models_root",
    "package_path",
    "write_manifest",
]
