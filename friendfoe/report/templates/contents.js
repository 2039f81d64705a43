// The contents say which section is in view; where there is no room beside the text they are closed until asked for.
(() => {
  const contents = document.querySelector(".contents");
  const narrow = matchMedia("(max-width: 74.99rem)");
  const fit = () => (contents.open = !narrow.matches);
  document.documentElement.classList.add("scripted");
  narrow.addEventListener("change", fit);
  fit();
  contents.addEventListener("click", (event) => {
    if (narrow.matches && event.target.closest("a")) contents.open = false;
  });

  const links = new Map();
  for (const link of contents.querySelectorAll(":scope > ol > li > a")) {
    const section = document.getElementById(decodeURIComponent(link.hash.slice(1)));
    if (section) links.set(section, link);
  }
  function mark() {
    const above = [...links.keys()].filter((section) => section.getBoundingClientRect().top < innerHeight / 3);
    const current = links.get(above.at(-1)) ?? links.values().next().value;
    for (const link of links.values()) {
      link.parentElement.classList.toggle("current", link === current);
      if (link === current) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  }
  document.addEventListener("scroll", mark, {passive: true});
  mark();
})();
