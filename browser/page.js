// The page around the verifier: what it fetches lies beside it, what it remembers is in this browser, what it says is in two languages.
const at = id => document.getElementById(id)
const el = (tag, props, ...children) => {
 const e = Object.assign(document.createElement(tag), props)
 e.append(...children)
 return e
}
const both = (zh, en) => [zh + ' ', el('span', {lang: 'en'}, en)]
const p = (zh, en, className = '') => el('p', {className}, ...both(zh, en))
const short = root => hex(root).slice(0, 16) + '…'
const when = t => new Date(Number(t) * 1000).toLocaleDateString('sv') // yyyy-mm-dd of this device
const validID = id => /^[a-z0-9][a-z0-9-]{1,38}[a-z0-9]$/.test(id)

// Memory. put takes the place of old alone, so that of two pages one comes second.
const database = new Promise((ok, no) => {
 const r = indexedDB.open('mingzhang', 1)
 r.onupgradeneeded = () => r.result.createObjectStore('kept')
 r.onsuccess = () => ok(r.result)
 r.onerror = () => no(r.error)
})
database.catch(() => {})
const transact = async (mode, f) => {
 const d = await database
 return new Promise((ok, no) => {
  const t = d.transaction('kept', mode, {durability: 'strict'})
  let result
  f(t.objectStore('kept'), x => result = x, t)
  t.oncomplete = () => ok(result)
  t.onabort = () => no(t.error || Error('another page was first'))
 })
}
const memory = prefix => ({
 get: key => transact('readonly', (s, give) => { s.get(prefix + key).onsuccess = e => give(e.target.result) }),
 put: (key, value, old) => transact('readwrite', (s, give, t) => {
  s.get(prefix + key).onsuccess = e => {
   if (!key.startsWith('fork ') && e.target.result?.note !== old?.note) t.abort()
   else s.put(value, prefix + key)
  }
 }),
})
const seen = memory('seen '), signedHeads = memory('signed ')

const fact = (state, title, ...rest) => at('facts').append(el('div', {}, el('h2', {className: 'mark ' + state}, ...title), ...rest))
const say = (state, zh, en, ...rest) => {
 at('verdict').className = state
 at('verdict').dataset.state = state
 at('verdict').replaceChildren(el('strong', {}, ...both(zh, en)), ...rest)
 at('verdict').hidden = false
}
const save = (name, body) => el('a', {href: 'data:text/plain;charset=utf-8,' + encodeURIComponent(body), download: name}, ...both('保存证据', 'Save the evidence'))
const whatToDo = () => [
 p('请保留海报或照片,不要只相信这个网站;把它们拿给监督委员会、乡镇或审计。', 'Keep the poster or a photograph of it, do not rely on this site, and show both to the supervisory committee, the township or an auditor.'),
]

const petals = (rules, signed) => {
 const ns = 'http://www.w3.org/2000/svg', svg = document.createElementNS(ns, 'svg')
 svg.setAttribute('viewBox', '-50 -50 100 100')
 svg.setAttribute('aria-hidden', 'true')
 rules.forEach((name, i) => {
  const e = document.createElementNS(ns, 'ellipse')
  for (const [k, v] of Object.entries({cx: 0, cy: -28, rx: Math.min(16, 60 / rules.length + 3), ry: 19, class: signed.has(name) ? 'petal on' : 'petal', transform: `rotate(${360 / rules.length * i})`})) e.setAttribute(k, v)
  svg.append(e)
 })
 return svg
}

// seals shows who signed the newest seal, or this head where there is none, as the policy that lies there has it.
const newestSeal = new Map()
const seals = async (id, head) => {
 const b = await file(`${id}/policy`), size = newestSeal.get(id)
 at('seal').hidden = !b
 if (!b) {
  const others = Object.keys(head.sigs).filter(k => !head.vkey.startsWith(k))
  fact('', both('见证人', 'Witnesses'), others.length ? el('p', {}, others.map(k => k.split('+')[0]).join('、')) : p('没有见证人的签名。', 'No witness has signed this head.'))
  return
 }
 const source = text(b), judge = await parsePolicy(source), now = BigInt(Date.now()) / 1000n
 let sealed = head, {ok, signed} = await judge(head, now)
 if (!ok && size) {
  sealed = await open(id, 'checkpoint.' + size)
  if (await compare(id, sealed, head) === 'bad') throw Error(`checkpoint.${size}: 不在这本账里 is not in this log`)
  ;({ok, signed} = await judge(sealed, now))
 }
 const names = source.split('\n').map(l => l.trim().split(/[ \t]+/)).filter(w => w[0] === 'witness').map(w => w[1])
 at('seal').replaceChildren(petals(names, signed), el('div', {}, el('h2', {className: ok ? 'mark good' : 'mark'},
  ...(ok ? both(`五瓣章齐了:前 ${sealed.size} 笔`, `Sealed: enough witnesses have signed the first ${sealed.size} events`) : both(`五瓣章还不齐:前 ${sealed.size} 笔`, `Not sealed yet: the first ${sealed.size} events`))),
  el('ul', {}, ...names.map(n => el('li', {}, n + ' ', ...(signed.has(n) ? both('已签 ' + when(signed.get(n)), 'signed') : both('未签', 'not signed')))))))
}

const check = async (id, pin) => {
 at('facts').replaceChildren()
 at('facts').hidden = at('seal').hidden = true
 say('unknown', '正在核验……', 'Checking …')
 if (!validID(id)) throw Error('集体写错了 this is no collective: ' + id)
 const head = await open(id)
 at('facts').hidden = false
 fact('good', both(`${head.size} 笔,签名对`, `${head.size} events; the signature of the log is right`), el('p', {}, el('code', {}, head.origin)), el('p', {}, el('code', {}, `${head.size}:${hex(head.root)}`)))
 let verdict = 'good'
 const doubt = () => { if (verdict === 'good') verdict = 'unknown' }
 const evidence = note => el('p', {}, save('evidence.txt', (note ? note + '\n----\n\n' : '') + head.note))
 if (pin) {
  const is = await compare(id, pin, head), zh = `海报上的 ${pin.size} 笔(${short(pin.root)})`, en = `the ${pin.size} events of the poster`
  if (is === 'good') fact('good', both(zh + '都在,没有改过', en + ' are all there, unchanged'))
  else if (is === 'unknown') fact('', both(zh + ':这里只有签名的根,看不出', en + ': only the signed head is published here, so this page cannot tell')), doubt()
  else if (is === 'shorter') fact('bad', both(`海报上有 ${pin.size} 笔,现在只有 ${head.size} 笔`, `The poster has ${pin.size} events, and here are only ${head.size}`), evidence()), verdict = 'bad'
  else fact('bad', both(zh + '被改过', en + ' were changed'), evidence()), verdict = 'bad'
 }
 const old = await seen.get(head.origin).catch(() => null)
 let goesOn = old === undefined // what is remembered gives way to what continues it, and to nothing else
 if (old === null) fact('', both('这个浏览器不能记住看过什么', 'This browser cannot remember what it saw'))
 else if (old) {
  const is = await compare(id, old, head), en = `the ${old.size} events this browser saw last time`
  if (old.vkey !== head.vkey) fact('bad', both('账簿的公钥换了:请向监督委员会查问', 'The key of the log is another one than last time: ask the supervisory committee')), doubt()
  if (is === 'good') fact('good', both(`上次看到的 ${old.size} 笔都在`, en + ' are all there')), goesOn = true
  else if (is === 'unknown') fact('', both(`上次看到 ${old.size} 笔:这里只有签名的根,看不出`, en + ': only the signed head is published here, so this page cannot tell')), doubt()
  else if (is === 'shorter') fact('bad', both(`上次有 ${old.size} 笔,现在只有 ${head.size} 笔`, `This browser saw ${old.size} events last time, and here are only ${head.size}`), evidence(old.note)), verdict = 'bad'
  else fact('bad', both(`上次看到的 ${old.size} 笔被改过`, en + ' were changed'), evidence(old.note)), verdict = 'bad'
 }
 if (goesOn && verdict !== 'bad') await seen.put(head.origin, {note: head.note, size: head.size, root: head.root, vkey: head.vkey}, old)
 await seals(id, head)
 if (verdict === 'bad') say('bad', '不符:账簿被改过', 'They do not fit: the books were changed', ...whatToDo())
 else if (verdict === 'unknown') say('unknown', '看不出', 'This page cannot tell', p('用 mingzhang verify 核验给审计的目录。', 'Check the directory for auditors with mingzhang verify.'))
 else if (pin || old) say('good', '相符:没有改过', 'They fit: nothing was changed')
 else say('good', '签名对,已经记住', 'The signature is right; this browser remembers it', p('下次打开会与今天的比较。有海报就填上海报的 笔数:根。', 'The next visit is compared with today. Enter SIZE:ROOT if you have a poster.'))
}
const guarded = f => async (...args) => {
 try {
  await f(...args)
 } catch (e) {
  const dead = !globalThis.crypto?.subtle || e.name === 'NotSupportedError'
  if (dead) say('unknown', '这个浏览器不能核验', 'This browser cannot check', p('请用 https 打开,并用较新的浏览器(2025 年以后)。', 'Open the page over https in a newer browser (of 2025 or later).'))
  else say('bad', '核验不了', 'It does not verify', el('p', {}, e.message === 'form' ? '文件不合格式 a file is not in its form' : e.message === 'key' ? '签名不对 a signature is wrong' : e.message), ...whatToDo())
 }
}
// fromAddress reads what a poster's code says: #collective:SIZE:ROOT. What stands behind # is never sent to a server.
const fromAddress = guarded(async () => {
 const [id, ...pin] = decodeURIComponent(location.hash.slice(1)).split(':')
 if (!id) return
 at('collective').value = id
 at('size').value = newestSeal.get(id) ?? ''
 at('poster').value = pin.join(':')
 await check(id, pin.length ? parsePin(pin.join(':')) : undefined)
})
at('pin').onsubmit = e => {
 e.preventDefault()
 const wanted = '#' + [at('collective').value.trim(), at('poster').value.trim()].filter(x => x).join(':')
 if (location.hash === wanted) fromAddress()
 else location.hash = wanted
}
addEventListener('hashchange', fromAddress)

// Signing.
const keys = memory('key')
const showKey = async () => {
 const k = await keys.get('')
 at('make').hidden = !!k
 at('sign').hidden = !k
 at('key').replaceChildren(...(k ? [p('您的公钥,请交给集体写进章程;私钥出不了这个浏览器,清除网站数据就没有了。',
  'Your public key, for the policy of the collective. The private key cannot leave this browser and is lost when its site data is cleared.'), el('p', {}, el('code', {id: 'vkey'}, k.vkey))] : []))
}
const box = (id, label, value) => {
 const area = el('textarea', {id, readOnly: true, value}), copy = el('button', {type: 'button', onclick: () => navigator.clipboard.writeText(value)}, ...both('复制', 'Copy'))
 return [el('label', {htmlFor: id}, ...label), area, copy]
}
const trouble = e => at('signed').replaceChildren(p(e.message === 'old' ? '您签过更后面的,不再签这个。' : e.message === 'proof' ? '这与您签过的不符:没有签。两份签名的根都留着作证据。' : '没有签:' + e.message,
 e.message === 'old' ? 'You signed a later head and do not sign this one.' : e.message === 'proof' ? 'It does not continue what you signed before: not signed. Both signed heads are kept as evidence.' : 'Not signed: ' + e.message, 'mark bad'))
at('make').onsubmit = async e => {
 e.preventDefault()
 try {
  await keys.put('', await newWitness(at('name').value.trim()))
  await navigator.storage?.persist?.()
  await showKey()
 } catch (e) { trouble(e) }
}
const call = async (server, method, message) => {
 const r = await fetch(`${server}/mingzhang.api.v1.DisclosureService/${method}`, {method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify(message)})
 const answer = await r.json()
 if (!r.ok) throw Error(answer.message || r.status)
 return answer
}
at('sign').onsubmit = async e => {
 e.preventDefault()
 try {
  const id = at('collective').value.trim(), size = at('size').value.trim(), server = at('server').value.trim().replace(/\/$/, '')
  if (!validID(id)) throw Error('先选集体 choose a collective first')
  const newest = await open(id), old = await signedHeads.get(newest.origin)
  let head = newest, prove = prover(newest.size, tileOf(id))
  if (server) { // which has the proof too, also where no tiles are published
   const asked = parseProof((await call(server, 'GetSeal', {collectiveId: id, size: size || undefined, oldSize: `${old?.size || 0}`})).request)
   head = await openNote(asked.note, newest.vkey)
   prove = async () => asked.hashes
  } else if (size && number(size) !== newest.size) {
   head = await open(id, 'checkpoint.' + size)
   if (await compare(id, head, newest) === 'bad') throw Error('proof')
  }
  const line = await cosign(await keys.get(''), signedHeads, head, prove)
  at('signed').replaceChildren(p(`已签 ${head.size} 笔。`, `Signed at ${head.size} events.`, 'mark good'), ...box('line', both('签名行', 'Signature line'), line),
   ...box('state', both('您记住的,请抄存', 'What you remember now; keep a copy'), head.note))
  if (server) {
   await call(server, 'SubmitCosignature', {collectiveId: id, note: head.note + line}).then(
    () => at('signed').append(p('服务器收下了。', 'The server has taken it.', 'mark good')),
    e => at('signed').append(p('服务器没有收:' + e.message, 'The server did not take it: ' + e.message, 'mark bad')))
  }
 } catch (e) { trouble(e) }
}

const begin = guarded(async () => {
 if (!globalThis.crypto?.subtle) throw Error('no subtle')
 const list = await file('collectives').catch(() => undefined)
 const ids = []
 for (const line of list ? text(list).split('\n') : []) {
  const [id, size] = line.split(' ')
  if (!validID(id)) continue
  ids.push(id)
  if (size) newestSeal.set(id, number(size))
 }
 at('collectives').replaceChildren(...ids.map(value => el('option', {value})))
 if (ids.length === 1 && !at('collective').value) at('collective').value = ids[0]
 await showKey().catch(() => at('witness').hidden = true)
 await fromAddress()
})
begin()
