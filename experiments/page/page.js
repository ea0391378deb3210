(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const at = (id) => document.getElementById(id);
  const methods = data.methods;
  const ticked = new Set(methods.filter((method) => method.ticked).map((method) => method.name));

  for (const [name, value] of data.facts) at("facts").append(put("dt", {}, name), put("dd", {}, value));

  // A name that may be broken before its underscores, and elsewhere only where nothing else helps.
  function breakable(name) {
    const [first, ...others] = name.split("_");
    return put("span", {}, first, ...others.flatMap((part) => [put("wbr", {}), `_${part}`]));
  }

  // The table. A header sorts by its column, and by the other direction at the second click.
  let sorted = { key: "last_slot", down: true };
  const valueOf = (method, key) => (key === "name" || key === "needs" ? method[key] : method.numbers[key][0]);

  function compare(one, other) {
    const [first, second] = [valueOf(one, sorted.key), valueOf(other, sorted.key)];
    if (first === null || second === null) return (first === null) - (second === null); // what has no number stays below
    const order = typeof first === "string" ? first.localeCompare(second) : first - second;
    return sorted.down ? -order : order;
  }

  function showTable() {
    const headers = [{ key: "name", header: "method" }, ...data.columns, { key: "needs", header: "needs" }];
    const head = put("tr", {});
    for (const { key, header } of headers) {
      const button = put("button", { type: "button", "data-key": key }, header);
      button.addEventListener("click", () => {
        sorted = { key, down: sorted.key === key ? !sorted.down : !(key === "name" || key === "needs") };
        showTable();
        at("methods").querySelector(`[data-key="${key}"]`).focus();
      });
      const direction = sorted.key === key ? (sorted.down ? "descending" : "ascending") : "none";
      head.append(put("th", { scope: "col", "aria-sort": direction }, button));
    }
    const body = put("tbody", {});
    for (const method of [...methods].sort(compare)) {
      const box = put("input", { type: "checkbox", "data-method": method.name });
      box.checked = ticked.has(method.name);
      box.addEventListener("change", () => {
        if (box.checked) ticked.add(method.name);
        else ticked.delete(method.name);
        showCurves();
      });
      const row = put("tr", {}, put("td", {}, put("label", { title: method.label }, box, swatch(method), breakable(method.name))));
      for (const { key, digits } of data.columns) {
        const [mean, ci95] = method.numbers[key];
        row.append(put("td", {}, written(mean, digits) + (ci95 === null ? "" : ` \u00b1 ${written(ci95, digits)}`)));
      }
      row.append(put("td", {}, method.needs));
      body.append(row);
    }
    at("methods").replaceChildren(put("thead", {}, head), body);
  }

  function tickAll(yes) {
    ticked.clear();
    if (yes) for (const method of methods) ticked.add(method.name);
    showTable();
    showCurves();
  }

  // Curves of the ticked methods.
  const capacity = "capacity [bit/s/Hz]";
  const KINDS = {
    slots: {
      of: (method) => ({ x: method.per_slot.map((_, slot) => slot + 1), y: method.per_slot }),
      high: (method) => Math.max(...method.per_slot),
      words: { xLabel: "slot", yLabel: capacity, label: "Capacity against slot" },
    },
    rounds: {
      of: ({ rounds }) => rounds && { x: rounds.capacities.map((_, round) => (round + 1) / rounds.per_slot), y: rounds.capacities },
      high: ({ rounds }) => (rounds ? Math.max(...rounds.capacities) : 0),
      words: { xLabel: "slot, with its rounds", yLabel: capacity, label: "Capacity against rounds" },
    },
    users: {
      of: ({ percentiles }) => percentiles.length && { x: percentiles, y: data.percents },
      high: () => 100,
      words: { xLabel: "average rate of a user [bit/s/Hz]", yLabel: "% of the users", label: "Distribution of users' rates" },
    },
  };

  function showCurves() {
    for (const [id, kind] of Object.entries(KINDS)) {
      const there = methods.filter(kind.of);
      at(id).parentElement.hidden = !there.length;
      const shown = there.filter((method) => ticked.has(method.name));
      const curves = shown.map((method) => ({ name: method.name, look: method, ...kind.of(method) }));
      chart(at(id), { curves, high: Math.max(0, ...there.map(kind.high)), ...kind.words });
      const key = document.querySelector(`[data-of="${id}"]`);
      key.replaceChildren(...shown.map((method) => put("span", { title: method.label }, swatch(method), method.name)));
    }
  }

  // The map.
  const followed = methods.filter((method) => method.rounds);

  function sharesIn(rounds, round) {
    let last = round;
    while (rounds.shares[last] === null) last -= 1; // nothing has changed since
    return rounds.shares[last];
  }

  function showMap() {
    const { rounds } = followed[Number(at("map-method").value)];
    const slider = at("map-round");
    slider.max = rounds.shares.length - 1;
    const round = Number(slider.value);
    const slot = Math.floor(round / rounds.per_slot) + 1;
    at("map-label").textContent = `slot ${slot}, round ${(round % rounds.per_slot) + 1}: ${written(rounds.capacities[round], 1)} bit/s/Hz`;
    drawMap(at("map"), data.map, sharesIn(rounds, round));
  }

  function drawMap(host, map, shares) {
    const [[left, low], [right, high]] = [map.low, map.high];
    const place = ([x, y]) => [x, high + low - y]; // SVG's y goes down
    const root = draw("svg", { viewBox: `${left} ${low} ${right - left} ${high - low}`, role: "img", "aria-label": "The network's map" });
    for (const [one, other, start, end] of map.links) {
      const [[x, y], [toX, toY]] = [place(map.cells[one]), place(map.cells[other])];
      const length = Math.hypot(toX - x, toY - y) || 1;
      const [acrossX, acrossY] = [-(toY - y) / length / 2, (toX - x) / length / 2];
      const corners = [[x, y, start], [toX, toY, end], [toX, toY, -end], [x, y, -start]];
      const points = corners.map(([cornerX, cornerY, width]) => `${cornerX + acrossX * width},${cornerY + acrossY * width}`);
      root.append(draw("polygon", { points: points.join(" "), fill: "var(--link)" }));
    }
    map.cells.forEach((cell, index) => {
      const [x, y] = place(cell);
      for (const [userX, userY] of map.users[index].map(place)) {
        root.append(draw("path", { d: `M${x} ${y}L${userX} ${userY}`, stroke: "var(--soft)", "stroke-width": 0.012 }));
        root.append(draw("circle", { cx: userX, cy: userY, r: 0.035, fill: "var(--ink)" }));
      }
    });
    map.cells.forEach((cell, index) => root.append(dial(map, place(cell), index, shares)));
    host.replaceChildren(root);
  }

  function dial(map, [x, y], cell, shares) {
    const own = shares[cell];
    const silent = own.reduce((sum, share) => sum + share, 0) < map.silent;
    const group = draw("g", { "data-cell": cell });
    const rim = { cx: x, cy: y, r: silent ? 0.6 * map.dial : map.dial, fill: "var(--paper)", stroke: "var(--soft)", "stroke-width": 0.012 };
    group.append(draw("circle", { ...rim, "stroke-dasharray": silent ? "0.05 0.04" : null }));
    const width = (2 * Math.PI) / own.length;
    own.forEach((share, band) => {
      if (silent || share <= 0) return;
      const radius = map.dial * Math.sqrt(Math.min(share / map.full, 1));
      const corner = (angle) => `${(x + radius * Math.sin(angle)).toFixed(4)} ${(y - radius * Math.cos(angle)).toFixed(4)}`;
      const arc = own.length === 1 ? `${corner(Math.PI)}A${radius} ${radius} 0 0 1 ${corner(0)}` : corner(width * (band + 1));
      const path = `M${x} ${y}L${corner(width * band)}A${radius} ${radius} 0 0 1 ${arc}Z`;
      const others = shares.reduce((sum, row) => sum + row[band], 0) - share;
      const edge = share > others ? { stroke: "var(--ink)", "stroke-width": 0.025 } : {};
      group.append(draw("path", { d: path, fill: map.colours[band], ...edge }, draw("title", {}, `bs_${cell}, band ${band}: ${share / 10} %`)));
    });
    group.append(draw("text", { x, y: y + 0.07, "text-anchor": "middle", style: "font-size:0.2px" }, String(cell)));
    return group;
  }

  const isDark = (colour) => [1, 3, 5].reduce((sum, from, part) => sum + [0.299, 0.587, 0.114][part] * parseInt(colour.slice(from, from + 2), 16), 0) < 128;

  // Curves of the committed figures, which a slider goes through.
  let hidden = new Set();

  function showSwept() {
    const curve = data.curves[Number(at("curve").value)];
    const panel = curve.panels[at("panel").value];
    const value = Number(at("value").value);
    at("value-label").textContent = `${curve.slider}: ${curve.values[value]}`;
    const along = curve.kind === "cursor";
    const curves = [];
    const now = {};
    for (const [name, of] of Object.entries(panel)) {
      const look = curve.looks[name];
      const y = along ? of.y : of.y[value];
      if (!y) continue;
      now[name] = along ? y[value] : y[y.length - 1];
      if (hidden.has(name)) continue;
      const x = along ? curve.values : y.map((_, place) => place + 1);
      const ci95 = along ? of.ci95 : of.ci95 && of.ci95[value];
      if (along) {
        curves.push({ name: `${name} beyond`, look, x: x.slice(value), y: y.slice(value), faint: true });
        curves.push({ name, look, x: x.slice(0, value + 1), y: y.slice(0, value + 1), ci95 });
      } else curves.push({ name, look, x, y, ci95 });
    }
    const numbers = Object.values(panel).flatMap((of) => of.y.flat()).filter((number) => number !== null);
    const words = { xLabel: curve.x_label, yLabel: curve.y_label.replace("average cell ", ""), label: curve.title };
    chart(at("swept"), { curves, high: Math.max(...numbers), ...words, ...(along ? { cursor: curve.values[value] } : {}) });
    const rows = Object.entries(now).sort(([, one], [, other]) => other - one);
    at("swept-key").replaceChildren(...rows.map(([name, number]) => {
      const box = put("input", { type: "checkbox", "data-method": name });
      box.checked = !hidden.has(name);
      box.addEventListener("change", () => {
        if (box.checked) hidden.delete(name);
        else hidden.add(name);
        showSwept();
        at("swept-key").querySelector(`[data-method="${CSS.escape(name)}"]`).focus();
      });
      return put("label", { title: curve.looks[name].label }, box, swatch(curve.looks[name]), `${name} ${written(number, 1)}`);
    }));
  }

  function choose(select, names) {
    select.replaceChildren(...names.map(([value, text]) => put("option", { value }, text)));
    select.parentElement.hidden = names.length < 2;
  }

  function showCurve() {
    const curve = data.curves[Number(at("curve").value)];
    choose(at("panel"), Object.keys(curve.panels).map((name) => [name, name]));
    at("value").max = curve.values.length - 1;
    at("value").value = curve.kind === "cursor" ? curve.values.length - 1 : 0;
    hidden = new Set();
    showSwept();
  }

  showTable();
  showCurves();
  at("all").addEventListener("click", () => tickAll(true));
  at("none").addEventListener("click", () => tickAll(false));

  at("h-map").parentElement.hidden = !followed.length;
  if (followed.length) {
    choose(at("map-method"), followed.map((method, index) => [index, method.name]));
    const most = Math.max(...followed.map((method) => method.rounds.shares.filter((shares) => shares).length));
    at("map-method").value = followed.findIndex((method) => method.rounds.shares.filter((shares) => shares).length === most);
    at("map-round").value = 0;
    at("map-method").addEventListener("change", showMap);
    at("map-round").addEventListener("input", showMap);
    const chips = data.map.colours.map((colour, band) => put("span", { class: isDark(colour) ? "chip light" : "chip", style: `background:${colour}` }, String(band)));
    at("bands").append(put("span", {}, "bands"), ...chips);
    showMap();
  }

  at("curves").hidden = !data.curves.length;
  if (data.curves.length) {
    choose(at("curve"), data.curves.map((curve, index) => [index, curve.title]));
    at("curve").addEventListener("change", showCurve);
    at("panel").addEventListener("change", showSwept);
    at("value").addEventListener("input", showSwept);
    showCurve();
  }

  let asked = 0;
  window.addEventListener("resize", () => {
    cancelAnimationFrame(asked);
    asked = requestAnimationFrame(() => document.querySelectorAll(".chart").forEach((host) => host.redraw && host.redraw()));
  });
})();
