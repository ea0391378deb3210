"""Which users of a cell are served in a slot, where it has more than it can serve at once.

With `NetworkConfig.schedule`, each cell serves at most S users in a slot, `users_per_slot` or as many as it has antennas:

* "round-robin": in turn; see `rules.round_robin`.
* "proportional-fair": those with the largest product of what their rate counts and what it would be; see `rules.proportional_fair`. A rate
  counts what it does in prices as the slot begins, (10 / (0.1 + R / n))^alpha in slot n with R the sum over the slots before; alpha is
  `fairness`, or 1 where that is 0.

A slot is the game of those who are served, and of nobody else: zero-forcing is among them, P_b(t)/S_b is what each may spend, and actions,
observations, gains and powers have a place for each, in the order of the users. Who is in a place changes from slot to slot, and so every
slot begins without powers. Rates and averages are kept of all users; those who are not served have 0 in the slot.

Infos of an environment are of all users: `power` `[band, user]`, 0 for who was not served; `scheduled` `[user]`, 1 for who is served in the
coming slot, which is the one that is observed; `user_rates` `[user]` of the round that was played; `average_rates` `[user]` over the slots
of the block so far, bit/s/Hz.
"""
