// The explorer: any of the packed pictures, with what a network answers (friendfoe/report/explorer.py packs them).
(async () => {
  if (!("DecompressionStream" in window)) return; // what stands there without script stays
  const section = document.currentScript.closest("section");
  const { data, map, models } = JSON.parse(section.querySelector('script[type="application/json"]').textContent);
  const unpacked = async (text) => {
    const bytes = new Blob([Uint8Array.from(atob(text), (character) => character.charCodeAt(0))]);
    return new Response(bytes.stream().pipeThrough(new DecompressionStream("deflate"))).arrayBuffer();
  };
  const [tiles, pictures, answers, percent] = await Promise.all(
    [data.tiles, data.pictures, data.answers, data.percent].map(unpacked),
  ).then(([a, b, c, d]) => [new Uint8Array(a), new Uint16Array(b), new Uint16Array(c), new Uint8Array(d)]);
  const [channels, height, width] = data.shape;
  const [area, count, bars] = [height * width, data.labels.length, data.bars[0].length];

  // pixels of pictures
  const tile = (number) => tiles.subarray(number * channels * area, (number + 1) * channels * area);
  const moved = (picture, image) => {
    const clean = tile(image);
    return tile(pictures[picture]).map((change, place) => change + clean[place]);
  };
  const canvas = (label, value) => {
    const element = Object.assign(document.createElement("canvas"), { width, height });
    const pixels = new ImageData(width, height);
    for (let place = 0; place < area; place++) {
      for (let channel = 0; channel < 3; channel++) {
        pixels.data[4 * place + channel] = value(Math.min(channel, channels - 1) * area + place);
      }
      pixels.data[4 * place + 3] = 255;
    }
    element.getContext("2d").putImageData(pixels, 0, 0);
    element.setAttribute("role", "img");
    element.setAttribute("aria-label", label);
    return element;
  };
  const shown = (values, label) => canvas(label, (place) => values[place]);
  const magnified = (values, image, label) => {
    const clean = tile(image);
    const most = values.reduce((far, value, place) => Math.max(far, Math.abs(value - clean[place])), 1);
    const times = 127.5 / most;
    return [canvas(label, (place) => Math.round(127.5 + times * (values[place] - clean[place]))), `×${Number(times.toPrecision(3))}`];
  };

  // tables
  const cell = (kind, ...content) => {
    const element = document.createElement(kind);
    if (kind === "th") element.scope = "row";
    element.append(...content);
    return element;
  };
  const row = (head, cells) => {
    const element = document.createElement("tr");
    element.append(cell("th", head), ...cells);
    return element;
  };
  const bar = (picture, place, before, goal) => {
    const [value, was] = [picture, before].map((number) => percent[number * bars + place]);
    const element = cell("td", `${value}`);
    element.className = `bar ${goal}`;
    element.style.setProperty("--value", value / 100);
    element.style.setProperty("--was", was / 100);
    return element;
  };

  // what is chosen
  const form = section.querySelector("form");
  const choices = form.elements;
  const chosen = (name) => Number(choices[name].value);
  const answer = (picture, image) => {
    const mark = answers[picture] === data.labels[image] ? "✓" : "✗";
    const place = data.bars[image].indexOf(answers[picture]);
    const sure = place < 0 ? "" : ` (${percent[picture * bars + place]}%)`;
    return `${mark} ${data.classes[answers[picture]]}${sure}`;
  };
  const offer = () => {
    const images = data.labels.flatMap((label, number) => (label === chosen("class") ? [number] : []));
    if (![...choices.image.options].some((option) => images.includes(Number(option.value)))) {
      choices.image.replaceChildren(...images.map((number, place) => new Option(`${place + 1}`, number)));
    }
    const last = data.attacks[chosen("attack")].sizes.length - 1;
    if (choices.size.max !== `${last}`) {
      choices.size.max = last;
      choices.size.value = last;
    }
    choices.size.hidden = !last;
  };
  const show = () => {
    offer();
    const [image, model, attack, size] = ["image", "model", "attack", "size"].map(chosen);
    const { sizes, goals } = data.attacks[attack];
    const name = data.classes[data.labels[image]];
    const clean = model * count + image;
    const columns = goals.map(([goal, first]) => [goal, first + (model * sizes.length + size) * count + image]);
    const titles = { friend: "friend", foe: "foe", neither: "perturbed" };
    form.querySelector("output").value = sizes[size];
    choices.size.setAttribute("aria-valuetext", sizes[size]);
    section.querySelector(".pictures caption").textContent =
      `${choices.attack.selectedOptions[0].text}, ${sizes[size]}: ${models[model]}. ` +
      "Probabilities in percent; the line marks that of the clean image";
    const head = document.createElement("tr");
    head.append(cell("td"), ...["clean", ...columns.map(([goal]) => titles[goal])].map((title) => cell("th", title)));
    for (const one of head.querySelectorAll("th")) one.scope = "col";
    section.querySelector(".pictures thead").replaceChildren(head);
    section.querySelector(".pictures tbody").replaceChildren(
      row("added", [
        cell("td"),
        ...columns.map(([goal, number]) =>
          cell("td", ...magnified(moved(number, image), image, `What is added, ${titles[goal]}`)),
        ),
      ]),
      row("image", [
        cell("td", shown(tile(image), `${name} as it is`)),
        ...columns.map(([goal, number]) => cell("td", shown(moved(number, image), `${name}, ${titles[goal]}`))),
      ]),
      row("answer", [cell("td", answer(clean, image)), ...columns.map(([, number]) => cell("td", answer(number, image)))]),
      ...data.bars[image].map((label, place) =>
        row(data.classes[label], [
          bar(clean, place, clean, "clean"),
          ...columns.map(([goal, number]) => bar(number, place, clean, goal)),
        ]),
      ),
    );
    section.querySelector("[role=status]").textContent = [
      `${name}, clean: ${answer(clean, image)}`,
      ...columns.map(([goal, number]) => `${titles[goal]}: ${answer(number, image)}`),
    ].join("; ");
    colour(model);
  };

  // the map of accuracies: a link in every cell, of which one is reached by Tab, and the others by arrows
  const table = section.querySelector(".map");
  const links = [...table.tBodies[0].rows].map((line, place) =>
    [...line.cells].slice(1).map((one) => {
      const link = Object.assign(document.createElement("a"), { href: `#explorer-${map.rows[place].number}`, tabIndex: -1 });
      one.replaceChildren(link);
      return link;
    }),
  );
  const colour = (model) => {
    section.querySelector(".model").textContent = models[model];
    links.forEach((line, place) =>
      line.forEach((link, column) => {
        const [mean, ...interval] = map.percent[model][place][column] ?? [];
        const opens = map.columns[column].attack;
        const here = map.rows[place].number === chosen("class") && opens === chosen("attack");
        const within = Object.assign(document.createElement("small"), { textContent: interval.join("–") });
        link.replaceChildren(`${mean ?? "–"} `, ...(interval.length ? [within] : []));
        const said = mean === undefined ? "not measured" : link.textContent.trim();
        link.setAttribute("aria-label", `${map.rows[place].name}, ${map.columns[column].title}: ${said}`);
        if (here) link.setAttribute("aria-current", "true");
        else link.removeAttribute("aria-current");
        link.parentElement.className = mean === undefined ? "" : `heat-${Math.floor(mean / 10)}`;
      }),
    );
  };
  const open = (label, attack = null) => {
    choices.class.value = label;
    if (attack !== null) choices.attack.value = attack;
    show();
    form.scrollIntoView({ block: "nearest" });
  };
  const position = (link) => {
    const place = links.findIndex((line) => line.includes(link));
    return place < 0 ? null : [place, links[place].indexOf(link)];
  };
  table.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const [place, column] = position(link);
    event.preventDefault(); // which would take the focus away
    history.replaceState(null, "", link.hash);
    open(map.rows[place].number, map.columns[column].attack);
  });
  table.addEventListener("focusin", ({ target }) => {
    if (!position(target)) return;
    for (const link of links.flat()) link.tabIndex = link === target ? 0 : -1;
  });
  table.addEventListener("keydown", (event) => {
    const at = position(event.target);
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!at || !step) return;
    event.preventDefault();
    links[at[0] + step[0]]?.[at[1] + step[1]]?.focus();
  });

  // a link from elsewhere to a class
  const follow = () => {
    const label = location.hash.match(/^#explorer-(\d+)$/)?.[1];
    if ([...choices.class.options].some((option) => option.value === label)) open(label);
  };
  addEventListener("hashchange", follow);

  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", show);
  if (links[0]?.[0]) links[0][0].tabIndex = 0;
  show();
  for (const part of section.querySelectorAll(".live")) part.hidden = false;
  section.querySelector(".still").hidden = true;
  follow();
})();
