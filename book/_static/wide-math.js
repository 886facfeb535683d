/* A formula inside a line cannot break. Where one is wider than its paragraph, as on a phone, let it scroll in its own box. */
window.addEventListener("load", async () => {
  if (!window.MathJax?.startup) return;
  await MathJax.startup.promise;
  for (const formula of document.querySelectorAll("article mjx-container:not([display])")) {
    const column = formula.closest("p, li, td, dd, figcaption");
    if (column && formula.getBoundingClientRect().width > column.clientWidth) {
      formula.classList.add("wide-inline");
      formula.tabIndex = 0;
    }
  }
});
