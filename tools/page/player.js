// The player of tools/web.py: shows a frame and its boxes, draws boxes, jumps by its charts.
// It gets all that it shows as props.value, and answers with events.
const $ = (selector) => element.querySelector(selector);
const stage = $('.stage'), image = $('img'), overlay = $('.overlay');
const NAMES = {seek: 'seek', draw: 'draw', select: 'select', rename: 'rename', remove: 'remove',
               track: 'track', pause: 'pause'};
let view = null, wanted = null, start = null;

function node(tag, attributes, parent) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return parent.appendChild(made);
}
function html(tag, text, parent, className = '') {
  const made = document.createElement(tag);
  made.textContent = text;
  made.className = className;
  return parent.appendChild(made);
}
function send(name, data = {}) { if (view) trigger(NAMES[name], data); }

// ---- the frame and its boxes
function showBoxes() {
  overlay.replaceChildren();
  overlay.setAttribute('viewBox', `0 0 ${view.width} ${view.height}`);
  overlay.classList.add('ready');
  const {width: wide, height: high} = overlay.getBoundingClientRect();
  // 15 pixels of the screen, in pixels of the frame.
  const size = 15 / Math.max(Math.min(wide / view.width, high / view.height), 1e-3);
  for (const {name, colour, box: [x, y, width, height], lost} of view.boxes) {
    node('rect', {x, y, width, height, stroke: colour, class: lost ? 'lost' : ''}, overlay);
    const label = {x: x + size / 4, y: Math.max(y - size / 3, size), fill: colour,
                   'font-size': size, 'stroke-width': size / 5};
    node('text', label, overlay).textContent = lost ? `${name}: not found` : name;
  }
}
function point(event) {
  const {x, y} = new DOMPoint(event.clientX, event.clientY)
    .matrixTransform(overlay.getScreenCTM().inverse());
  return [Math.min(Math.max(x, 0), view.width), Math.min(Math.max(y, 0), view.height)];
}
function dragged(event) {
  const [x, y] = point(event);
  return [Math.min(x, start[0]), Math.min(y, start[1]),
          Math.abs(x - start[0]), Math.abs(y - start[1])];
}
overlay.addEventListener('pointerdown', (event) => {
  if (!view || event.button) return;
  start = point(event);
  overlay.setPointerCapture(event.pointerId);
  if (view.tracking) send('pause');
});
overlay.addEventListener('pointermove', (event) => {
  if (!start) return;
  overlay.querySelector('.drag')?.remove();
  const [x, y, width, height] = dragged(event);
  node('rect', {x, y, width, height, class: 'drag'}, overlay);
});
overlay.addEventListener('pointerup', (event) => {
  if (!start) return;
  const box = dragged(event);
  start = null;
  overlay.querySelector('.drag')?.remove();
  // A click without a drag is no box.
  if (Math.min(box[2], box[3]) >= 1) send('draw', {index: view.index, box});
});
overlay.addEventListener('pointercancel', () => { start = null; });

// ---- going to a frame: one question at a time, and then the newest
function seek(index) {
  if (!view) return;
  index = Math.min(Math.max(Math.round(index), 0), view.count - 1);
  const idle = wanted === null;
  wanted = index;
  moveCursor(index);
  if (idle) send('seek', {index});
}
function moveCursor(index) {
  $('.where').textContent = `${index + 1} / ${view.count}`;
  for (const line of element.querySelectorAll('.cursor')) {
    line.setAttribute('x1', index);
    line.setAttribute('x2', index);
  }
}
const here = () => wanted ?? view.index;
for (const button of element.querySelectorAll('[data-seek]')) {
  button.addEventListener('click', () => {
    const to = button.dataset.seek;
    if (view) seek({first: 0, last: view.count - 1}[to] ?? here() + Number(to));
  });
}
for (const button of element.querySelectorAll('[data-send]')) {
  button.addEventListener('click', () => send(button.dataset.send));
}
stage.addEventListener('keydown', (event) => {
  const step = event.shiftKey ? 10 : 1;
  const moves = {ArrowLeft: -step, ArrowRight: step, Home: -Infinity, End: Infinity};
  if (!view || !(event.key in moves)) return;
  event.preventDefault();
  seek(here() + moves[event.key]);
});
overlay.addEventListener('pointerdown', () => stage.focus({preventScroll: true}));

// ---- objects and charts
function showObjects() {
  const chips = $('.chips');
  chips.replaceChildren();
  for (const {name, colour} of view.targets) {
    const chip = html('span', '', chips, name === view.selected ? 'selected' : '');
    html('i', '', chip).style.background = colour;
    html('em', name, chip).style.fontStyle = 'normal';
    chip.title = 'Click: boxes that you draw are of this object. Double click: rename it.';
    chip.addEventListener('click', () => send('select', {name}));
    chip.addEventListener('dblclick', () => {
      const to = prompt('Name', name);
      if (to && to !== name) send('rename', {name, to});
    });
    const cross = html('b', '\u2715', chip);
    cross.title = 'Gone from this frame on; all of it on its first frame';
    cross.addEventListener('click', (event) => {
      event.stopPropagation();
      send('remove', {name, index: view.index});
    });
  }
  const more = html('span', '+ new object', chips, view.selected === null ? 'selected' : '');
  more.addEventListener('click', () => send('select', {name: null}));
}
function showCharts() {
  const charts = $('.charts');
  charts.replaceChildren();
  for (const [title, lines] of Object.entries(view.charts)) {
    const figure = html('figure', '', charts);
    const box = {viewBox: `0 -1.05 ${Math.max(view.count - 1, 1)} 1.1`,
                 preserveAspectRatio: 'none', role: 'img', 'aria-label': `${title} by frame`};
    html('figcaption', title, figure);
    const svg = node('svg', box, figure);
    for (const y of [0, -0.5, -1]) node('line', {x1: 0, x2: view.count, y1: y, y2: y, class: 'grid'}, svg);
    for (const {colour, runs, marks} of lines) {
      for (const run of runs) {
        const points = run.map(([x, y]) => `${x},${-Math.min(Math.max(y, 0), 1)}`).join(' ');
        node('polyline', {points, stroke: colour}, svg);
      }
      for (const x of marks) {
        node('line', {x1: x, x2: x, y1: -0.12, y2: 0.05, class: 'mark', style: `stroke:${colour}`}, svg);
      }
    }
    node('line', {y1: -2, y2: 1, class: 'cursor'}, svg);
    const jump = (event) => {
      const {left, width} = svg.getBoundingClientRect();
      seek((event.clientX - left) / width * (view.count - 1));
    };
    svg.addEventListener('pointerdown', (event) => { svg.setPointerCapture(event.pointerId); jump(event); });
    svg.addEventListener('pointermove', (event) => { if (event.buttons & 1) jump(event); });
  }
}
function show() {
  view = props.value || null;
  if (!view) return;
  image.src = view.image;
  stage.dataset.frame = view.index;
  $('.hint').textContent = view.hint;
  $('.go').disabled = view.tracking || !view.targets.length;
  $('.halt').disabled = !view.tracking;
  $('progress').value = view.progress;
  showBoxes();
  showObjects();
  showCharts();
  const newest = wanted;
  wanted = null;
  moveCursor(newest ?? view.index);
  if (newest !== null && newest !== view.index) seek(newest);
}
new ResizeObserver(() => { if (view) showBoxes(); }).observe(stage);
watch('value', show);
show();
