/* Displayed equations shrink a little where that makes them fit. What is still wider than its box scrolls in it, and the keyboard must
   reach it: tables, and formulas inside a line, which cannot break. */
const SMALLEST = 78; // per cent of the text around it

function shrink() {
  for (const formula of document.querySelectorAll('article mjx-container[display="true"]')) {
    formula.dataset.size ??= parseFloat(formula.style.fontSize) || 100;
    formula.style.fontSize = `${formula.dataset.size}%`;
    const fits = formula.clientWidth / formula.scrollWidth; // NaN in a closed fold
    if (fits < 1) formula.style.fontSize = `${Math.max(SMALLEST, 0.99 * fits * formula.dataset.size)}%`;
  }
}

function letScroll() {
  const inline = [...document.querySelectorAll("article mjx-container:not([display])")];
  for (const formula of inline.filter(({classList}) => classList.contains("wide-inline"))) {
    formula.classList.remove("wide-inline"); // the window may be wider now
    formula.removeAttribute("tabindex");
  }
  const wide = inline.filter((formula) => {
    const column = formula.closest("p, li, td, dd, figcaption");
    return column && formula.getBoundingClientRect().width > column.clientWidth;
  });
  for (const formula of wide) {
    formula.classList.add("wide-inline");
    formula.tabIndex = 0;
  }
  for (const box of document.querySelectorAll("article table, article .pst-scrollable-table-container")) {
    if (box.scrollWidth > box.clientWidth && getComputedStyle(box).overflowX === "auto") box.tabIndex = 0;
  }
}

window.addEventListener("load", async () => {
  await window.MathJax?.startup?.promise;
  shrink();
  letScroll();
  window.addEventListener("resize", () => { shrink(); letScroll(); });
  document.addEventListener("toggle", shrink, true);
});
