"""User scheduling: which users of a cell are served in a slot if it has more users than it can serve at once.

With `NetworkConfig.schedule`, each cell serves at most S users in a slot, `users_per_slot` or as many as it has antennas:

* "round-robin": in turn; see `rules.round_robin`.
* "proportional-fair": those with the largest product of weight and expected rate; see `rules.proportional_fair`. The weight is
  (10 / (0.1 + R / n))^alpha in slot n, as in prices at the start of the slot, where R is the sum of the user's rates in earlier slots and
  alpha is `fairness`, or 1 if this is 0.

A slot is played by the served users only. Zero-forcing separates these users, each has the budget P_b(t)/S_b, and actions, observations,
gains and powers have one entry for each of them, in the order of the users. The entries belong to other users in the next slot, so every
slot starts from zero powers. Rates and averages are kept for all users; users that are not served have rate 0 in the slot.

Infos of an environment are of all users: `power` `[band, user]`, in sigma^2, 0 for users that were not served; `scheduled` `[user]`, 1 for
users that are served in the next slot, which the observation shows; `user_rates` `[user]` in the played round; `average_rates` `[user]`
over the past slots of the block; both in bit/s/Hz.
"""
