"""How the equations suit compilers: what they fuse, and where gradients end."""

from array_api_compat import array_namespace, is_jax_array

from multicell_env.model.types import Array


def is_traced(array: Array) -> bool:
    """Whether a compiler reads the equations, torch's or JAX's.

    A compiler fuses a product and a sum with what stands beside them, and calls a library for matrix products and sorts. Without one it is
    the library's single call that takes less time.
    """
    compiler = getattr(array_namespace(array), "compiler", None)
    return is_jax_array(array) if compiler is None else bool(compiler.is_compiling())


def without_gradients(array: Array) -> Array:
    """The same numbers, through which no gradient goes."""
    if is_jax_array(array):
        from jax.lax import stop_gradient  # pyright: ignore[reportMissingImports]

        return stop_gradient(array)
    detach = getattr(array, "detach", None)
    return array if detach is None else detach()
