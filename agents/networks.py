"""Actors, twin critics and the monotonic mixer, in two families.

`mlp` is the paper's: dense layers on the flattened arrays, for any Box. `set` shares its weights over bands and users: it maps an
observation `(plane, band, user)` to an action `(band, user)` or `(plane, band, user)`, with the same few thousand weights for any
number of bands and users.

Critics, mixers and their encoders come in pairs: outputs have a leading axis `twin`, of length 2, or 1 for the first network alone.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from agents.set_linear import Mask, Padding, SetLinear, Tokens, TwinLinear, to_tokens

RESIDUAL_SHARE = 0.01
"""Scale of the initial weights of the last layer of v(s) in a residual mixer."""

Observation = Float[Tensor, "batch agent *observation"]
Action = Float[Tensor, "batch agent *action"]


def mlp(sizes: Sequence[int], linear: Callable[..., nn.Module] = nn.Linear) -> nn.Sequential:
    """Linear layers of the given sizes with ReLU between them."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class SetEncoder(nn.Module):
    """Layers of the `set` family of the given sizes, each followed by ReLU."""

    def __init__(self, sizes: Sequence[int], linear: Callable[..., Any] = nn.Linear) -> None:
        super().__init__()
        self.layers = nn.ModuleList(SetLinear(inputs, outputs, linear, rectify=True) for inputs, outputs in pairwise(sizes))

    def forward(self, x: Tokens, padding: Padding) -> Tokens:
        """Features of every (band, user) pair."""
        for layer in self.layers:
            x = layer(x, padding)
        return x


class SetActor(nn.Module):
    """Actor of the `set` family: an action in [-1, 1] for every (band, user) pair, or one per plane if actions have planes.

    Before tanh, the first plane is centred over the bands of each user. A common offset has no effect on fractions of a budget that are
    scaled to sum to 1, and an actor that could learn one would drift to where tanh saturates and gradients vanish.

    Args:
        num_planes: Number of planes of an observation.
        hidden_sizes: Width of each hidden layer.
        action_planes: Leading axes of an action's shape before `(band, user)`: none, or the number of planes.
        is_centred: False does not centre, for actions whose mean over the bands matters, such as price multipliers.
    """

    def __init__(self, num_planes: int, hidden_sizes: Sequence[int], action_planes: Sequence[int] = (), *, is_centred: bool = True) -> None:
        super().__init__()
        self.arguments: dict[str, Any] = {
            "num_planes": num_planes,
            "hidden_sizes": list(hidden_sizes),
            "action_planes": list(action_planes),
        }
        if not is_centred:
            self.arguments["is_centred"] = False
        self.num_planes = num_planes
        self.is_centred = is_centred
        self.action_planes = tuple(action_planes)
        self.encoder = SetEncoder([num_planes, *hidden_sizes])
        self.head = SetLinear(hidden_sizes[-1], math.prod(action_planes))

    def preferences(self, observation: Observation, mask: Mask = None) -> Action:
        """Actions before tanh. Without action planes, each row may have a mask of its own, `[batch, agent, band, user]`."""
        tokens, padding = to_tokens(observation, token_mask(mask) if self.action_planes else mask)
        preferences = self.head(self.encoder(tokens, padding), padding)
        if self.is_centred:
            first = preferences[..., :1]
            preferences = torch.cat([first - padding.mean_over_bands(first), preferences[..., 1:]], dim=-1)
        return preferences.permute(0, 3, 4, 1, 2).view(*observation.shape[:-3], *self.action_planes, *observation.shape[-2:])

    def forward(self, observation: Observation, mask: Mask = None) -> Action:
        """Actions of all agents, in [-1, 1]."""
        return torch.tanh(self.preferences(observation, mask))


class SetCritic(nn.Module):
    """Twin critics of the `set` family: each gives one value per agent. Arguments as for `SetActor`."""

    def __init__(self, num_planes: int, hidden_sizes: Sequence[int], action_planes: Sequence[int] = ()) -> None:
        super().__init__()
        self.action_axes = len(action_planes) + 2
        self.encoder = SetEncoder([num_planes + math.prod(action_planes), *hidden_sizes], TwinLinear)
        self.head = TwinLinear(hidden_sizes[-1], 1)

    def forward(self, observation: Observation, action: Action, mask: Mask = None, *, twins: int = 2) -> Float[Tensor, "twin *batch agent"]:
        """Q_b(s_b, a_b), normalised. Without action planes, each row may have a mask of its own."""
        if self.action_axes == 2:
            action = action.unsqueeze(-3)
        else:
            mask = token_mask(mask)
        tokens, padding = to_tokens(torch.cat([observation, action], dim=-3), mask)
        features = self.encoder(tokens.expand(twins, -1, -1, -1, -1), padding)
        return self.head(padding.mean_over_both(features)).view(twins, *observation.shape[:-3])


class MLPActor(nn.Module):
    """Actor of the `mlp` family: action in [-1, 1]."""

    def __init__(self, observation_shape: Sequence[int], action_shape: Sequence[int], hidden_sizes: Sequence[int]) -> None:
        super().__init__()
        self.arguments = {
            "observation_shape": list(observation_shape),
            "action_shape": list(action_shape),
            "hidden_sizes": list(hidden_sizes),
        }
        self.observation_shape = tuple(observation_shape)
        self.action_shape = tuple(action_shape)
        self.layers = mlp([_size(observation_shape), *hidden_sizes, _size(action_shape)])

    def preferences(self, observation: Observation, mask: Mask = None) -> Action:
        """Actions before tanh."""
        axes = len(self.observation_shape)
        return self.layers(_flat(observation, axes)).view(*observation.shape[: observation.ndim - axes], *self.action_shape)

    def forward(self, observation: Observation, mask: Mask = None) -> Action:
        """Actions of all agents, in [-1, 1]."""
        return torch.tanh(self.preferences(observation, mask))


class MLPCritic(nn.Module):
    """Twin critics of the `mlp` family: each gives one value per agent."""

    def __init__(self, observation_shape: Sequence[int], action_shape: Sequence[int], hidden_sizes: Sequence[int]) -> None:
        super().__init__()
        self.observation_axes, self.action_axes = len(observation_shape), len(action_shape)
        self.layers = mlp([_size(observation_shape) + _size(action_shape), *hidden_sizes, 1], TwinLinear)

    def forward(self, observation: Observation, action: Action, mask: Mask = None, *, twins: int = 2) -> Float[Tensor, "twin *batch agent"]:
        """Q_b(s_b, a_b), normalised."""
        action = action if mask is None else action * mask
        flat = torch.cat([_flat(observation, self.observation_axes), _flat(action, self.action_axes)], dim=-1)
        return self.layers(flat.expand(twins, *flat.shape)).squeeze(-1)


class MonotonicMixer(nn.Module):
    """QMIX's mixer. Hypernetworks compute its weights from the global state; they are non-negative, so that dQ_tot/dQ_b >= 0.

        Q_tot = |w_2(s)|^T elu(|W_1(s)| Q + b_1(s)) + v(s)

    Each further hidden layer computes elu(|W(s)| x + b(s)). An agent's row of W_1 depends on its own features; all other weights depend on
    the mean of the features over the agents. The mixer therefore works for any number of agents with features of the same length.

    Args:
        num_features: Number of features of an agent.
        mixing_size: Width of each hidden layer.
        num_layers: Number of hidden layers.
        is_residual: Whether the mixer's output is added to the mean of the values, with softmax over a layer's inputs in place of the
            magnitudes |W|. Each dQ_tot/dQ_b is then at least 1/B, and their sum is at most 2, for every state.

    Source: Rashid et al., ICML 2018, as used by Algorithm 1.
    """

    def __init__(self, num_features: int, mixing_size: int, num_layers: int = 1, *, is_residual: bool = False) -> None:
        super().__init__()
        self.is_residual = is_residual
        self.first_weights = TwinLinear(num_features, mixing_size)
        self.first_bias = TwinLinear(num_features, mixing_size)
        self.weights = nn.ModuleList(TwinLinear(num_features, mixing_size**2) for _ in range(num_layers - 1))
        self.biases = nn.ModuleList(TwinLinear(num_features, mixing_size) for _ in range(num_layers - 1))
        self.last_weights = TwinLinear(num_features, mixing_size)
        # v has two hidden layers, as in QMIX; the encoder of the features counts as the first.
        self.last_bias = mlp([num_features, *([mixing_size] if num_layers == 1 else []), 1], TwinLinear)
        if is_residual:
            with torch.no_grad():
                for weight in self.last_bias[-1].parameters():
                    weight.mul_(RESIDUAL_SHARE)

    def forward(
        self, values: Float[Tensor, "twin *batch agent"], features: Float[Tensor, "twin *batch agent feature"]
    ) -> Float[Tensor, "twin *batch"]:
        """Q_tot from the agents' values, of each twin."""
        network = features.mean(dim=-2)
        mixed = (values.unsqueeze(-2) @ self._positive(self.first_weights(features))).squeeze(-2)
        hidden = nn.functional.elu(mixed + self.first_bias(network))
        for weights, bias in zip(self.weights, self.biases, strict=True):
            square = self._positive(weights(network).unflatten(-1, (hidden.shape[-1], -1)))
            hidden = nn.functional.elu((hidden.unsqueeze(-2) @ square).squeeze(-2) + bias(network))
        last = self._positive(self.last_weights(network).unsqueeze(-1)).squeeze(-1)
        mixed = (hidden * last).sum(dim=-1) + self.last_bias(network).squeeze(-1)
        return mixed + values.mean(dim=-1) if self.is_residual else mixed

    def _positive(self, weights: Float[Tensor, "*batch inputs outputs"]) -> Float[Tensor, "*batch inputs outputs"]:
        return weights.softmax(dim=-2) if self.is_residual else weights.abs()


class SetStateEncoder(nn.Module):
    """Features of every cell from a state `[cell, plane, band, user]`, for the mixer."""

    def __init__(self, num_planes: int, hidden_sizes: Sequence[int]) -> None:
        super().__init__()
        self.encoder = SetEncoder([num_planes, *hidden_sizes], TwinLinear)

    def forward(
        self, state: Float[Tensor, "*batch cell plane band user"], mask: Mask = None, *, twins: int = 2
    ) -> Float[Tensor, "twin *batch cell feature"]:
        """One feature vector per cell, of each twin. `mask` is `[..., band, user]`, for all rows or per row."""
        tokens, padding = to_tokens(state, mask)
        features = self.encoder(tokens.expand(twins, -1, -1, -1, -1), padding)
        return padding.mean_over_both(features).view(twins, *state.shape[:-3], -1)


class FlatStateEncoder(nn.Module):
    """Features of every agent from a state of any shape: of the whole state or of the agent's own part of it, and of the agent's index.

    Args:
        state_shape: Shape of the state, or of one agent's part of it.
        num_agents: Number of agents.
        hidden_sizes: Width of each layer.
        in_parts: Whether the state consists of the agents' parts, `[agent, *part]`. The parts then share weights.
    """

    def __init__(self, state_shape: Sequence[int], num_agents: int, hidden_sizes: Sequence[int], *, in_parts: bool = False) -> None:
        super().__init__()
        self.axes, self.in_parts = len(state_shape), in_parts
        self.state = TwinLinear(_size(state_shape), hidden_sizes[0])
        self.agent = nn.Parameter(torch.randn(2, 1, num_agents, hidden_sizes[0]) * hidden_sizes[0] ** -0.5)
        self.deeper = nn.ModuleList(TwinLinear(inputs, outputs) for inputs, outputs in pairwise(hidden_sizes))

    def forward(
        self, state: Float[Tensor, "batch *state"], mask: Mask = None, *, twins: int = 2
    ) -> Float[Tensor, "twin batch agent feature"]:
        """One feature vector per agent, of each twin."""
        flat = _flat(state, self.axes)
        features = self.state(flat.expand(twins, *flat.shape))
        features = torch.relu((features if self.in_parts else features.unsqueeze(-2)) + self.agent[:twins])
        for layer in self.deeper:
            features = torch.relu(layer(features))
        return features


def check_same_shape(actor: SetActor | MLPActor, new: SetActor | MLPActor) -> None:
    """Refuse an actor whose weights do not fit into another actor.

    Args:
        actor: The actor with the weights.
        new: The actor to start from them.

    Raises:
        ValueError: their weights differ in shape.
    """
    shapes = [{name: weight.shape for name, weight in each.state_dict().items()} for each in (actor, new)]
    if shapes[0] != shapes[1]:
        has, asked = (
            f"network {'set' if isinstance(each, SetActor) else 'mlp'}, "
            + ", ".join(f"{name} {value}" for name, value in each.arguments.items())
            for each in (actor, new)
        )
        raise ValueError(
            f"the actor to start from must have the shape of the new one, which is {asked}; got {has}. Give its network, hidden_sizes, "
            "observations and actions, or choose another actor."
        )


def token_mask(mask: Mask) -> Bool[Tensor, "agent band user"] | None:
    """False where a (band, user) pair is padding; all planes of an action are padded alike."""
    return mask[:, 0] if mask is not None and mask.ndim == 4 else mask


def _flat(array: Tensor, axes: int) -> Tensor:
    """The array with its last `axes` axes flattened into one, of length 1 if `axes` is 0."""
    return array.flatten(-axes) if axes else array.unsqueeze(-1)


def _size(shape: Sequence[int]) -> int:
    return int(torch.Size(shape).numel())
