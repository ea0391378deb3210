"""Actors, critics and the monotonic mixer, in two families.

`mlp` is the paper's: two hidden layers on the flattened arrays, for any Box. `set` shares its weights over bands and users: it reads an
observation `(plane, band, user)` and writes an action `(band, user)`, with the same few thousand weights for any number of either.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from agents.set_linear import Mask, Padding, SetLinear, Tokens, to_tokens

Observation = Float[Tensor, "batch agent *observation"]
Action = Float[Tensor, "batch agent *action"]


def mlp(sizes: Sequence[int]) -> nn.Sequential:
    """Linear layers of these sizes with ReLU between them."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class SetEncoder(nn.Module):
    """Planes `(plane, band, user)` to one feature vector for every token."""

    def __init__(self, num_planes: int, hidden_sizes: Sequence[int]) -> None:
        super().__init__()
        sizes = [num_planes, *hidden_sizes]
        self.layers = nn.ModuleList(SetLinear(i, o, rectify=True) for i, o in pairwise(sizes))

    def forward(self, planes: Float[Tensor, "*batch plane band user"], mask: Mask = None) -> Tokens:
        """Features of every token; zero where it is padding."""
        x = to_tokens(planes)
        for layer in self.layers:
            x = layer(x, mask)
        return x

    def mean(self, planes: Float[Tensor, "*batch plane band user"], mask: Mask = None) -> Float[Tensor, "*batch feature"]:
        """Features of every token, averaged over the tokens."""
        x = self(planes, mask)
        return x.sum(dim=(0, 1)) / Padding.of(mask, x).both


class SetActor(nn.Module):
    """Actor of the `set` family: action in [-1, 1] for every token.

    Its preferences are centred over the bands of a user. Raising all of them together changes nothing where fractions of a budget are
    scaled to sum to 1, and an actor that is free to do so drifts into the corner where every gradient has vanished.
    """

    def __init__(self, num_planes: int, hidden_sizes: Sequence[int]) -> None:
        super().__init__()
        self.arguments = {"num_planes": num_planes, "hidden_sizes": list(hidden_sizes)}
        self.num_planes = num_planes
        self.encoder = SetEncoder(num_planes, hidden_sizes)
        self.head = SetLinear(hidden_sizes[-1], 1)

    def preferences(self, observation: Observation, mask: Mask = None) -> Action:
        """Actions before tanh."""
        preferences = self.head(self.encoder(observation, mask), mask)
        over_bands = preferences.sum(dim=0) / Padding.of(mask, preferences).bands
        return (preferences - over_bands).squeeze(-1).movedim((0, 1), (-2, -1))

    def forward(self, observation: Observation, mask: Mask = None) -> Action:
        """Actions of all agents."""
        return torch.tanh(self.preferences(observation, mask))


class SetCritic(nn.Module):
    """Critic of the `set` family: one value for every agent."""

    def __init__(self, num_planes: int, hidden_sizes: Sequence[int]) -> None:
        super().__init__()
        self.encoder = SetEncoder(num_planes + 1, hidden_sizes)
        self.head = nn.Linear(hidden_sizes[-1], 1)

    def forward(self, observation: Observation, action: Action, mask: Mask = None) -> Float[Tensor, "*batch agent"]:
        """Q_b(s_b, a_b) in the mixer's units."""
        planes = torch.cat([observation, action.unsqueeze(-3)], dim=-3)
        return self.head(self.encoder.mean(planes, mask)).squeeze(-1)


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
        return self.layers(observation.flatten(-len(self.observation_shape))).unflatten(-1, self.action_shape)

    def forward(self, observation: Observation, mask: Mask = None) -> Action:
        """Actions of all agents."""
        return torch.tanh(self.preferences(observation, mask))


class MLPCritic(nn.Module):
    """Critic of the `mlp` family: one value for every agent."""

    def __init__(self, observation_shape: Sequence[int], action_shape: Sequence[int], hidden_sizes: Sequence[int]) -> None:
        super().__init__()
        self.observation_axes, self.action_axes = len(observation_shape), len(action_shape)
        self.layers = mlp([_size(observation_shape) + _size(action_shape), *hidden_sizes, 1])

    def forward(self, observation: Observation, action: Action, mask: Mask = None) -> Float[Tensor, "*batch agent"]:
        """Q_b(s_b, a_b) in the mixer's units."""
        action = action if mask is None else action * mask
        flat = [observation.flatten(-self.observation_axes), action.flatten(-self.action_axes)]
        return self.layers(torch.cat(flat, dim=-1)).squeeze(-1)


class MonotonicMixer(nn.Module):
    """QMIX's mixer: a network whose weights hypernetworks write from the global state, non-negative so that dQ_tot/dQ_b >= 0.

        Q_tot = |w_2(s)|^T elu(|W_1(s)| Q + b_1(s)) + v(s)

    The agents' own features write their rows of W_1, and the mean over the agents everything else, so that with features of a fixed
    length the mixer serves any number of agents.

    Source: Rashid et al., ICML 2018, as used by Algorithm 1.
    """

    def __init__(self, num_features: int, mixing_size: int) -> None:
        super().__init__()
        self.first_weights = nn.Linear(num_features, mixing_size)
        self.first_bias = nn.Linear(num_features, mixing_size)
        self.last_weights = nn.Linear(num_features, mixing_size)
        self.last_bias = nn.Sequential(nn.Linear(num_features, mixing_size), nn.ReLU(), nn.Linear(mixing_size, 1))

    def forward(self, values: Float[Tensor, "*batch agent"], features: Float[Tensor, "*batch agent feature"]) -> Float[Tensor, " *batch"]:
        """Q_tot of the agents' values."""
        network = features.mean(dim=-2)
        mixed = (values.unsqueeze(-2) @ self.first_weights(features).abs()).squeeze(-2)
        hidden = nn.functional.elu(mixed + self.first_bias(network))
        return (hidden * self.last_weights(network).abs()).sum(dim=-1) + self.last_bias(network).squeeze(-1)


class SetStateEncoder(nn.Module):
    """Features of every cell from a state `[cell, plane, band, user]`, for the mixer."""

    def __init__(self, num_planes: int, hidden_sizes: Sequence[int]) -> None:
        super().__init__()
        self.encoder = SetEncoder(num_planes, hidden_sizes)

    def forward(self, state: Float[Tensor, "*batch cell plane band user"], mask: Mask = None) -> Float[Tensor, "*batch cell feature"]:
        """One vector a cell."""
        return self.encoder.mean(state, mask)


class FlatStateEncoder(nn.Module):
    """Features of every agent from a state of any shape: the whole state, and which agent it is."""

    def __init__(self, state_shape: Sequence[int], num_agents: int, hidden_size: int) -> None:
        super().__init__()
        self.axes = len(state_shape)
        self.state = nn.Linear(_size(state_shape), hidden_size)
        self.agent = nn.Parameter(torch.randn(num_agents, hidden_size) * hidden_size**-0.5)

    def forward(self, state: Float[Tensor, "batch *state"], mask: Mask = None) -> Float[Tensor, "batch agent feature"]:
        """One vector an agent."""
        return torch.relu(self.state(state.flatten(-self.axes)).unsqueeze(-2) + self.agent)


def _size(shape: Sequence[int]) -> int:
    return int(torch.Size(shape).numel())
