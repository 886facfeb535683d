/* Figures that the reader moves with sliders. All that they can show was computed when the book was built, by
   book/_ext/widgets.py, and stands in the page as a table; this script looks it up and draws it. */
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const HEIGHT = 320;
  const MARGIN = { left: 58, right: 14, top: 10, bottom: 48 };

  function add(parent, name, attributes = {}, text = "") {
    const isDrawn = name === "svg" || parent.namespaceURI === SVG;
    const element = isDrawn ? document.createElementNS(SVG, name) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.textContent = text;
    return parent.appendChild(element);
  }

  /* From an axis, whose ticks are its ends too, to pixels. */
  function scale({ ticks }, from, to) {
    const [[low], [high]] = [ticks[0], ticks.at(-1)];
    return (value) => from + ((value - low) / (high - low)) * (to - from);
  }

  /* The frame of a table at which the sliders stand. */
  function look({ of, frames }, sliders) {
    return frames[of.reduce((row, i) => row * (+sliders[i].max + 1) + +sliders[i].value, 0)];
  }

  function drawAxes(picture, { x, y }, toX, toY, box) {
    const [right, bottom] = [box.x + box.width, box.y + box.height];
    const every = x.ticks.length > 8 && box.width < 400 ? 2 : 1; // a phone has no room for more labels
    x.ticks.forEach(([tick, label], i) => {
      add(picture, "line", { class: "grid", x1: toX(tick), x2: toX(tick), y1: box.y, y2: bottom });
      if (i % every === 0) add(picture, "text", { x: toX(tick), y: bottom + 20, "text-anchor": "middle" }, label);
    });
    for (const [tick, label] of y.ticks) {
      add(picture, "line", { class: "grid", x1: box.x, x2: right, y1: toY(tick), y2: toY(tick) });
      add(picture, "text", { x: box.x - 6, y: toY(tick) + 4, "text-anchor": "end" }, label);
    }
    add(picture, "text", { x: (box.x + right) / 2, y: HEIGHT - 6, "text-anchor": "middle" }, x.label);
    const turned = `translate(14 ${(box.y + bottom) / 2}) rotate(-90)`;
    add(picture, "text", { transform: turned, "text-anchor": "middle" }, y.label);
  }

  function drawLine(picture, { mark }, points, toX, toY, box) {
    const inside = add(picture, "svg", { ...box, viewBox: `${box.x} ${box.y} ${box.width} ${box.height}` }); // it clips
    add(inside, "polyline", { class: mark, points: points.map(([x, y]) => `${toX(x)},${toY(y)}`).join(" ") });
  }

  function drawDots(picture, { mark }, points, toX, toY) {
    for (const [x, y] of points) add(picture, "circle", { class: mark, cx: toX(x), cy: toY(y), r: 6 });
  }

  function drawBars(picture, { mark }, points, toX, toY) {
    const width = 0.7 * (toX(1) - toX(0));
    for (const [x, y] of points) {
      add(picture, "rect", { class: mark, x: toX(x) - width / 2, y: toY(y), width, height: toY(0) - toY(y) });
    }
  }

  const DRAW = { line: drawLine, dashed: drawLine, dot: drawDots, bars: drawBars };

  function addKey(stage, series) {
    const key = add(stage, "ul", { class: "widget-key" });
    for (const { mark, label } of series.filter(({ label }) => label)) {
      const item = add(key, "li");
      const sample = add(item, "svg", { width: 26, height: 10, "aria-hidden": "true" });
      add(sample, "line", { class: mark, x1: 1, x2: 25, y1: 5, y2: 5 });
      item.append(label);
    }
  }

  function addSlider(stage, id, { label, values, start }) {
    add(stage, "label", { for: id }, label);
    return add(stage, "input", { id, type: "range", min: 0, max: values.length - 1, value: start });
  }

  function mount(script, number) {
    const tables = JSON.parse(script.textContent);
    const stage = add(script.parentElement, "div", { class: "widget-stage" });
    script.after(stage);
    const picture = add(stage, "svg", { role: "img", "aria-label": tables.alt, height: HEIGHT });
    addKey(stage, tables.series);
    const sliders = tables.sliders.map((slider, i) => addSlider(stage, `widget-${number}-${i}`, slider));
    const words = add(stage, "output", { for: sliders.map(({ id }) => id).join(" "), "aria-live": "polite" });

    function redraw() {
      const [width, { left, right, top, bottom }] = [stage.clientWidth, MARGIN];
      const box = { x: left, y: top, width: width - left - right, height: HEIGHT - top - bottom };
      const toX = scale(tables.x, left, width - right);
      const toY = scale(tables.y, HEIGHT - bottom, top);
      picture.replaceChildren();
      picture.setAttribute("width", width);
      drawAxes(picture, tables, toX, toY, box);
      for (const series of tables.series) DRAW[series.mark](picture, series, look(series, sliders), toX, toY, box);
      sliders.forEach((slider, i) => slider.setAttribute("aria-valuetext", tables.sliders[i].values[slider.value]));
      words.textContent = look(tables.says, sliders);
    }

    sliders.forEach((slider) => slider.addEventListener("input", redraw));
    new ResizeObserver(redraw).observe(stage); // calls it once at the start, too
    script.parentElement.classList.add("live");
  }

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("article script.widget-tables").forEach(mount);
  });
})();
