/* What is wider than its box scrolls in it, and the keyboard must reach it: tables, and formulas inside a line, which cannot break. */
window.addEventListener("load", async () => {
  await window.MathJax?.startup?.promise;
  for (const formula of document.querySelectorAll("article mjx-container:not([display])")) {
    const column = formula.closest("p, li, td, dd, figcaption");
    if (column && formula.getBoundingClientRect().width > column.clientWidth) {
      formula.classList.add("wide-inline");
      formula.tabIndex = 0;
    }
  }
  for (const box of document.querySelectorAll("article table, article .pst-scrollable-table-container")) {
    if (box.scrollWidth > box.clientWidth && getComputedStyle(box).overflowX === "auto") box.tabIndex = 0;
  }
});
