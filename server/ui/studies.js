// Lists studies and refreshes the list. Everything from the server becomes text, never markup.
'use strict';

const REFRESH_MS = 3000;
const PAGE = 50;
const STATES = { 'not-scored': 'not scored' };

const at = (id) => document.getElementById(id);
let offset = 0;
let timer = null;
let asked = 0;

function element(name, text, title) {
  const node = document.createElement(name);
  if (text !== undefined) node.textContent = text;
  if (title) node.title = title;
  return node;
}

function shortened(uid) {
  return uid.length <= 24 ? uid : uid.slice(0, 10) + '…' + uid.slice(-10);
}

function value(output) {
  switch (output.kind) {
    case 'probability': return output.value.toFixed(3);
    case 'score': return output.value.toPrecision(4);
    case 'relative-risk': return output.value + ' times ' + output.reference + ' (literature: ' + output.source + ')';
    default: return String(output.value);
  }
}

function list(items) {
  if (items.length === 0) return document.createTextNode('');
  const ul = element('ul');
  for (const item of items) {
    const li = element('li');
    li.append(item);
    ul.append(li);
  }
  return ul;
}

function link(href, text, label, title) {
  const a = element('a', text, title);
  a.href = href;
  if (label) a.setAttribute('aria-label', label);
  return a;
}

function cell(content) {
  const td = element('td');
  td.append(content);
  return td;
}

function row(study) {
  const tr = element('tr');
  const uid = link('/api/v1/studies/' + encodeURIComponent(study.study), shortened(study.study));
  uid.setAttribute('aria-label', uid.textContent + ', study ' + study.study);
  uid.title = study.study;
  const head = element('th');
  head.scope = 'row';
  head.append(uid);
  const state = element('span', STATES[study.state] || study.state);
  state.className = 'state ' + study.state;
  const standing = [state];
  if (study.state === 'scored' && study.missing.length > 0) {
    standing.push(element('span', 'without ' + study.missing.join(', ')));
  }
  const outputs = study.exam.map((o) => {
    const node = element('span', o.name + ': ');
    node.append(element('strong', value(o)));
    return node;
  });
  // A threshold that was set here shows where it does not flag, too.
  const raised = study.flags.filter((f) => f.flagged || f.set_by).map((f) => {
    const whose = (f.laterality ? f.laterality + ' breast: ' : '') + (f.flagged ? '' : 'not flagged: ');
    const relation = f.flagged ? ' ≥ ' : ' < ';
    const node = element('span', whose + f.point, f.output + relation + f.threshold);
    node.className = f.flagged ? 'flag' : '';
    const set = f.set_by ? ', set here by ' + f.set_by : '';
    node.append(element('small', ' (' + f.output + relation + f.threshold + set + ')'));
    return node;
  });
  const several = new Set(study.heatmaps.map((m) => m.name)).size > 1;
  const maps = study.heatmaps.map((m) =>
    link(m.url, several ? m.slot + ' ' + m.name : m.slot, m.slot + ', heat map ' + m.name + ' of study ' + study.study, m.name));
  const model = study.package
    ? element('span', study.package.name + ' ' + study.package.digest.slice(0, 12), study.package.digest)
    : element('span');
  tr.append(
    cell(element('span', new Date(study.received).toLocaleString(), study.received)),
    head,
    cell(String(study.instances)),
    cell(list(standing)),
    cell(list(outputs)),
    cell(list(raised)),
    cell(list(study.reasons.map((r) => element('span', r.text, r.code)))),
    cell(list(maps)),
    cell(model),
  );
  return tr;
}

async function get(url) {
  const response = await fetch(url, { headers: { Accept: 'application/json' } });
  if (!response.ok) throw new Error('the server answers ' + response.status);
  return response.json();
}

async function model() {
  try {
    const card = await get('/api/v1/model');
    const name = at('model-name');
    name.textContent = card.package.name + ' ' + card.package.version + ', package ' + card.package.digest.slice(0, 12);
    name.title = card.package.digest;
    at('disclaimer').textContent = card.disclaimer;
  } catch {
    setTimeout(model, REFRESH_MS);
  }
}

async function refresh() {
  clearTimeout(timer);
  const turn = ++asked;
  const state = at('state').value;
  const query = '?limit=' + PAGE + '&offset=' + offset + (state ? '&state=' + encodeURIComponent(state) : '');
  // A late answer, once the filter or the page was changed, is dropped.
  const stale = () => turn !== asked;
  try {
    const page = await get('/api/v1/studies' + query);
    if (!stale()) show(page);
  } catch (error) {
    if (!stale()) say('Not up to date: ' + error.message + '.');
  }
  if (!stale()) timer = setTimeout(refresh, REFRESH_MS);
}

function show(page) {
  at('newer').disabled = offset === 0;
  at('older').disabled = offset + page.studies.length >= page.total;
  // A list that is being read from the keyboard is not pulled away.
  if (at('studies').contains(document.activeElement)) {
    say('Paused while you are in the table.');
    return;
  }
  at('studies').replaceChildren(...page.studies.map(row));
  say(count(page));
}

function count(page) {
  if (page.total === 0) return 'No studies.';
  if (page.studies.length === 0) return 'No studies here; ' + page.total + ' on newer pages.';
  return (offset + 1) + ' to ' + (offset + page.studies.length) + ' of ' + page.total + '.';
}

// A screen reader hears changes only.
function say(text) {
  if (at('status').textContent !== text) at('status').textContent = text;
}

at('state').addEventListener('change', () => { offset = 0; refresh(); });
at('newer').addEventListener('click', () => { offset = Math.max(0, offset - PAGE); refresh(); });
at('older').addEventListener('click', () => { offset += PAGE; refresh(); });
at('filter').addEventListener('submit', (event) => event.preventDefault());
model();
refresh();
