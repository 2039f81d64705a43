// The matrix of claims by study, data set and verdict.
(() => {
  const form = document.querySelector("form.filter");
  const table = document.querySelector("table.matrix");
  const said = form.querySelector("output");

  function filter() {
    const {study, data, verdict} = Object.fromEntries(new FormData(form));
    for (const cell of table.querySelectorAll("[data-data]")) cell.hidden = Boolean(data) && cell.dataset.data !== data;
    let shown = 0;
    for (const body of table.tBodies) {
      let left = 0;
      for (const row of body.querySelectorAll("tr:not(.group)")) {
        const cells = [...row.querySelectorAll("[data-verdict]")].filter((cell) => !cell.hidden);
        row.hidden = !cells.some((cell) => !verdict || cell.dataset.verdict === verdict);
        left += !row.hidden;
      }
      body.hidden = Boolean(study && body.dataset.study !== study) || !left;
      shown += body.hidden ? 0 : left;
    }
    said.textContent = `${shown} claim${shown === 1 ? "" : "s"}`;
  }

  form.addEventListener("change", filter);
  form.addEventListener("reset", () => setTimeout(filter));
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  filter();
})();
