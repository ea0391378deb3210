"""Pictures of a block: the network's map, powers by band, and the sum rate per slot. They need the extra `plots`."""

try:
    import matplotlib as _matplotlib  # noqa: F401 - a missing matplotlib is reported here
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"render() draws with matplotlib; got none ({error}). Install it: pip install 'multicell-env[plots]'.", name=error.name
    ) from error

from multicell_env.rendering.block_picture import Window, as_image
from multicell_env.rendering.network_map import NetworkMap, map_of
from multicell_env.rendering.powers import as_text, draw_powers, owners, relative_powers

__all__ = ["NetworkMap", "Window", "as_image", "as_text", "draw_powers", "map_of", "owners", "relative_powers"]
