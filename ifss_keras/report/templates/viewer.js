"use strict";
// The viewer: one slice beside itself with outlines, the areas below. Without this script the page's pictures remain.
(() => {
  const part = (name) => document.getElementById("viewer-" + name);
  const svg = (name, attributes) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };
  const data = JSON.parse(part("data").textContent);
  const { slices, labels } = data;
  const [width, height] = data.box;
  const viewer = document.getElementById("viewer");
  let place = 0;

  // pictures

  const panes = [part("plain"), part("marked")];
  const images = panes.map((pane) => {
    pane.style.setProperty("--ratio", data.ratio);
    data.letters.forEach((letter, side) => {
      const shown = pane.appendChild(document.createElement("b"));
      shown.textContent = letter;
      shown.className = ["top", "right", "bottom", "left"][side];
    });
    return pane.querySelector("img");
  });
  if (!data.images) panes[0].style.display = "none"; // two masks are compared, without an image
  const drawing = part("outlines");
  drawing.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const outlines = labels.map((label) => drawing.appendChild(svg("path", { stroke: label.colour, class: "outline" })));
  const truth = drawing.appendChild(svg("path", { class: "truth" }));

  // areas

  const wide = 1000, high = 200;
  const first = slices[0], last = slices[slices.length - 1];
  const most = Math.max(...labels.map((label) => Math.max(...label.areas))) * 1.12 || 1;
  const x = (slice) => (wide * (slice - first)) / Math.max(last - first, 1);
  const y = (area) => high * (1 - Math.min(area, most) / most);
  const shown = [];
  for (let slice = first; slice <= last; slice++) shown.push(slice);
  const line = (areas) => "M" + areas.map(([slice, area]) => `${x(slice).toFixed(1)} ${y(area).toFixed(1)}`).join("L");
  const curves = part("curves");
  curves.setAttribute("viewBox", `0 0 ${wide} ${high}`);
  for (const label of labels) {
    if (label.half && labels.length <= 6) {
      const upper = shown.map((slice) => [slice, label.areas[slice] + label.half[slice]]);
      const lower = shown.map((slice) => [slice, Math.max(label.areas[slice] - label.half[slice], 0)]).reverse();
      curves.append(svg("path", { d: line([...upper, ...lower]) + "z", fill: label.colour, class: "band" }));
    }
    const areas = shown.map((slice) => [slice, label.areas[slice]]);
    curves.append(svg("path", { d: line(areas), stroke: label.colour, class: "curve" }));
    for (const slice of label.annotated) {
      const at = `${x(slice).toFixed(1)} ${y(label.areas[slice]).toFixed(1)}`;
      curves.append(svg("path", { d: `M${at}l0 0`, class: "rim" }), svg("path", { d: `M${at}l0 0`, stroke: label.colour, class: "dot" }));
    }
  }
  const cursor = curves.appendChild(svg("path", { class: "cursor" }));
  part("most").textContent = `${most.toFixed(most < 10 ? 1 : 0)} cm²`;
  const lies = (slice, digits) => (data.sliceMm ? `${(slice * data.sliceMm).toFixed(digits)} mm` : `frame ${slice}`);
  const end = (side) => (data.ends ? `${data.ends[side]} · ` : "");
  part("from").textContent = `${end(0)}${lies(first, 0)}`;
  part("to").textContent = `${end(1)}${lies(last, 0)}`;

  // the muscles with their areas on the slice

  const readings = labels.map((label) => {
    const item = part("labels").appendChild(document.createElement("li"));
    const swatch = item.appendChild(document.createElement("span"));
    swatch.className = "swatch";
    swatch.style.background = label.colour;
    const name = item.appendChild(document.createElement("span"));
    name.textContent = name.title = label.name;
    name.className = "name";
    return item.appendChild(document.createElement("output"));
  });

  const show = (wanted, why = "") => {
    place = Math.min(Math.max(wanted, 0), slices.length - 1);
    const slice = slices[place];
    viewer.dataset.slice = slice;
    part("slider").value = place;
    if (data.images) images.forEach((image) => { image.src = "data:image/jpeg;base64," + data.images[place]; });
    outlines.forEach((path, index) => path.setAttribute("d", data.outlines[place][index]));
    truth.setAttribute("d", data.truth ? data.truth[place] : "");
    cursor.setAttribute("d", `M${x(slice)} 0V${high}`);
    labels.forEach((label, index) => {
      const area = label.areas[slice], half = label.half && label.half[slice];
      const known = half ? ` ± ${half.toFixed(2)}` : "";
      readings[index].textContent = area > 0 ? `${area.toFixed(2)}${known} cm²` : "–";
      readings[index].parentElement.classList.toggle("absent", !(area > 0));
    });
    const annotated = labels.filter((label) => label.annotated.includes(slice)).map((label) => label.name);
    const told = annotated.length === labels.length ? "annotated" : annotated.length ? `annotated: ${annotated.join(", ")}` : "";
    part("slice").textContent = [data.sliceMm ? `Slice ${slice}` : "", lies(slice, 1), told, why].filter(Boolean).join(" · ");
  };
  const nearest = (slice) => slices.reduce((best, other, index) => (Math.abs(other - slice) < Math.abs(slices[best] - slice) ? index : best), 0);

  // what moves it

  const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10, Home: -Infinity, End: Infinity };
  document.addEventListener("keydown", (event) => {
    const sideways = event.key === "ArrowLeft" || event.key === "ArrowRight"; // up and down scroll the page elsewhere
    if (!(event.key in steps) || !(sideways || viewer.contains(event.target))) return;
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    show(place + steps[event.key]);
  });
  const slider = part("slider");
  slider.max = slices.length - 1;
  slider.addEventListener("input", () => show(Number(slider.value)));
  const notch = 40; // pixels that a touch pad moves for a slice; a wheel moves more and is one slice a notch
  let turned = 0;
  panes.forEach((pane) => pane.addEventListener("wheel", (event) => {
    event.preventDefault();
    turned += Math.max(-notch, Math.min(notch, event.deltaY * (event.deltaMode ? notch : 1)));
    const whole = Math.trunc(turned / notch);
    turned -= whole * notch;
    if (whole) show(place + whole);
  }, { passive: false }));
  const point = (event) => {
    if (event.type === "pointermove" && !event.buttons) return;
    const box = curves.getBoundingClientRect();
    show(nearest(first + ((last - first) * (event.clientX - box.left)) / box.width));
  };
  curves.addEventListener("pointerdown", point);
  curves.addEventListener("pointermove", point);
  part("on").addEventListener("change", () => { drawing.style.display = part("on").checked ? "" : "none"; });

  const doubtful = labels.filter((label) => label.worst !== null).sort((one, other) => other.doubt - one.doubt);
  let turn = 0;
  part("worst").hidden = !doubtful.length;
  part("worst").addEventListener("click", () => {
    const label = doubtful[turn++ % doubtful.length];
    show(nearest(label.worst), `least sure for ${label.name}: ±${label.doubt.toFixed(0)} % of its largest area`);
  });

  viewer.hidden = false;
  show(Math.floor(slices.length / 2));
})();
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((details) => { details.open = true; }));
