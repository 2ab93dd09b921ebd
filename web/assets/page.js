// What a device can do by itself; every page works without it.
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const say = (zh, en) => document.documentElement.lang === 'en' ? en : zh;
const later = (wait, act, timer) => () => { clearTimeout(timer); timer = setTimeout(act, wait) };

// Amounts as people type them, and in capitals by the rules of internal/capitals.
const plain = text => text.replace(/[\uff01-\uff5e]/g, c => String.fromCharCode(c.charCodeAt(0) - 0xfee0)).replace(/[\s,、¥\uffe5元\u3000]/g, '').replace(/。/g, '.');
export function capitals(text) {
  const m = /^(-?)(\d{1,16})(?:\.(\d{0,2}))?$/.exec(plain(text));
  if (!m) return '';
  const digits = '零壹贰叁肆伍陆柒捌玖', places = ['', '拾', '佰', '仟'], groups = ['', '万', '亿', '万亿'];
  const whole = m[2].replace(/^0+/, ''), cents = (m[3] ?? '').padEnd(2, '0');
  let out = '', zero = false, group = false;
  [...whole].forEach((d, i) => {
    const rest = whole.length - 1 - i;
    if (d === '0') zero = true;
    else { out += (zero ? '零' : '') + digits[d] + places[rest % 4]; zero = false; group = true }
    if (rest % 4 === 0) { if (group) out += groups[rest / 4]; group = false }
  });
  if (!out && cents === '00') return '零元整';
  if (out) out += '元';
  if (cents[0] > 0) out += digits[cents[0]] + '角';
  else if (cents[1] > 0 && out) out += '零';
  return (m[1] && '负') + out + (cents[1] > 0 ? digits[cents[1]] + '分' : '整');
}

function bar(kind, text, ...buttons) {
  const box = document.createElement('div');
  box.className = 'notice ' + kind;
  box.setAttribute('role', 'status');
  box.append(text, ' ', ...buttons.map(([label, act]) => {
    const b = document.createElement('button');
    b.type = 'button'; b.textContent = label;
    b.onclick = () => { box.remove(); act() };
    return b;
  }));
  (document.querySelector('main h1') ?? document.querySelector('main')).after(box);
  return box;
}

const store = {
  get: key => { try { return JSON.parse(localStorage.getItem(key)) } catch { return null } },
  set: (key, value) => { try { localStorage.setItem(key, JSON.stringify(value)) } catch { /* no room, or not allowed: then without drafts */ } },
  drop: key => { try { localStorage.removeItem(key) } catch { /* the same */ } },
};
const values = form => Object.fromEntries([...new FormData(form)].filter(([name, v]) => typeof v === 'string' && name !== 'step'));

// A form is sent once at a time; without a line it waits for one. It carries the command's id, so that a second sending has no effect.
function guard(form) {
  let waiting = null, told = null;
  form.addEventListener('submit', event => {
    if (form.dataset.sent) return event.preventDefault();
    if (!navigator.onLine) {
      event.preventDefault();
      waiting = event.submitter;
      told ??= bar('warn', say('网络断了。填的都在这台设备上;网络一恢复就自动再送,只会记一次。', 'There is no connection. What you typed is on this device; it is sent when the line is back, and booked once.'));
      return;
    }
    form.dataset.sent = '1';
    event.submitter?.setAttribute('aria-busy', 'true');
  });
  addEventListener('online', () => { told?.remove(); told = null; if (waiting) { const b = waiting; waiting = null; form.requestSubmit(b) } });
  addEventListener('pageshow', () => { delete form.dataset.sent; all('[aria-busy]', form).forEach(b => b.removeAttribute('aria-busy')) });
}

function desk(form) {
  const key = 'draft:' + location.pathname.replace(/^\/en\//, '/'), id = form.elements.command_id.value, secret = 'private' in form.dataset;
  const draft = store.get(key);
  if (!secret && draft && draft.id !== id && !document.querySelector('.wrong')) {
    const again = () => { // the server makes the form of it, rows and all
      const f = Object.assign(document.createElement('form'), {method: 'post', action: form.action, hidden: true});
      for (const [name, value] of Object.entries({...draft.values, step: 'edit'})) f.append(Object.assign(document.createElement('textarea'), {name, value}));
      document.body.append(f); f.submit();
    };
    bar('', say('这台设备上有一张没有记完的:', 'There is a form on this device that was not finished: ') + new Date(draft.at).toLocaleString(document.documentElement.lang),
      [say('接着填', 'Go on with it'), again], [say('不要了', 'Drop it'), () => store.drop(key)]);
  }
  const keep = later(300, () => { if (!secret) store.set(key, {id, at: Date.now(), values: values(form)}) });

  const live = form.querySelector('#live');
  let asking;
  const look = later(700, async () => {
    asking?.abort(); asking = new AbortController();
    const body = new FormData();
    for (const [name, value] of Object.entries(values(form))) body.append(name, value);
    try {
      const answer = await fetch(form.action, {method: 'POST', body, headers: {'X-Live': '1'}, signal: asking.signal});
      if (answer.status !== 200 && answer.status !== 422) return;
      live.innerHTML = await answer.text();
      all('[data-for]', live).forEach(p => { if (!form.elements[p.dataset.for]?.value) p.remove() });
      live.hidden = !live.textContent.trim();
    } catch { /* no line, or asked anew */ }
  });

  const meant = () => all('[data-when]', form).forEach(box => {
    const [name, wanted] = box.dataset.when.split(/=(.*)/s);
    const now = form.elements[name]?.value ?? '';
    box.hidden = now !== '' && !wanted.split('|').includes(now);
    all('input, select, textarea', box).forEach(c => { c.disabled = box.hidden });
  });
  form.addEventListener('input', event => {
    if (event.target.matches('[data-money]')) form.querySelector(`output[for="${CSS.escape(event.target.id)}"]`).value = capitals(event.target.value);
    meant(); keep(); look();
  });
  form.addEventListener('change', event => { if (event.target.matches('[data-shrink]')) shrink(event.target) });
  form.addEventListener('keydown', event => { if (event.key === 'Enter' && event.ctrlKey) form.requestSubmit() });
  meant();
}

// shrink makes pictures of a phone at most 2,000 pixels wide or high before they are sent; a PDF stays as it is.
async function shrink(input) {
  const smaller = new DataTransfer();
  for (const file of input.files) {
    try {
      if (!/^image\/(jpeg|png|webp|hei[cf])$/.test(file.type)) throw 0;
      const picture = await createImageBitmap(file), part = Math.min(1, 2000 / Math.max(picture.width, picture.height));
      if (part === 1 && file.size < 1e6 && file.type !== 'image/webp') throw 0;
      const canvas = Object.assign(document.createElement('canvas'), {width: picture.width * part, height: picture.height * part});
      canvas.getContext('2d').drawImage(picture, 0, 0, canvas.width, canvas.height);
      const blob = await new Promise(done => canvas.toBlob(done, 'image/jpeg', .85));
      smaller.items.add(new File([blob], file.name.replace(/\.\w+$/, '') + '.jpg', {type: 'image/jpeg'}));
    } catch { smaller.items.add(file) }
  }
  input.files = smaller.files;
}

all('form[method=post]').forEach(guard);
all('form[data-form]').forEach(desk);
// What was recorded needs no draft any more.
all('[data-recorded]').forEach(done => {
  try {
    Object.keys(localStorage).filter(key => key.startsWith('draft:') && store.get(key)?.id === done.dataset.recorded).forEach(store.drop);
  } catch { /* no store, no drafts */ }
});

// What the desk folds for a phone stands open where there is room.
if (matchMedia('(min-width: 48rem)').matches) for (const group of all('.commands details')) group.open = true;
// A row of links that is wider than the phone begins where the page is.
all('.sections [aria-current], .tabs [aria-current]').forEach(here => {
  const row = here.closest('nav');
  row.scrollLeft = here.offsetLeft - (row.clientWidth - here.offsetWidth) / 2;
});
// Printing from the page, where there is a printer's dialog to open.
all('[data-print]').forEach(button => {
  button.hidden = false;
  button.onclick = () => print();
});
