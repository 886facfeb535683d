"""Every test runs with the shapes and types of the signatures checked at run time."""

from jaxtyping import install_import_hook

install_import_hook(["ib_tutorial", "data_gen"], "beartype.beartype")
