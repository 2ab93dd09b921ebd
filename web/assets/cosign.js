// Signing a closed month in this browser. Keys and memory are those of the page verify.html, in the same store under the same names: a key
// made there signs here, and neither signs what does not continue the other.
const box = document.getElementById('cosign'), at = id => document.getElementById(id)
const english = document.documentElement.lang === 'en'
const say = (kind, zh, en, ...rest) => {
  const notice = Object.assign(document.createElement('div'), {className: 'notice ' + kind})
  notice.append(Object.assign(document.createElement('p'), {textContent: english ? en : zh}), ...rest)
  at('cosign-says').append(notice)
}

const database = new Promise((ok, no) => {
  const r = indexedDB.open('mingzhang', 1)
  r.onupgradeneeded = () => r.result.createObjectStore('kept')
  r.onsuccess = () => ok(r.result)
  r.onerror = () => no(r.error)
})
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
// put takes the place of old alone, so that of two pages one comes second.
const memory = prefix => ({
  get: key => transact('readonly', (s, give) => { s.get(prefix + key).onsuccess = e => give(e.target.result) }),
  put: (key, value, old) => transact('readwrite', (s, give, t) => {
    s.get(prefix + key).onsuccess = e => {
      if (!key.startsWith('fork ') && e.target.result?.note !== old?.note) t.abort()
      else s.put(value, prefix + key)
    }
  }),
})
const seen = memory('seen '), signedHeads = memory('signed '), keys = memory('key')

const call = async (method, message) => {
  const r = await fetch('/mingzhang.api.v1.DisclosureService/' + method, {method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify(message)})
  const answer = await r.json()
  if (!r.ok) throw Error(String(answer.message || r.status).split(' / ').at(english ? -1 : 0)) // refusals are said in both languages
  return answer
}
const {collective, month, size, root} = box.dataset
const ask = old => call('GetSeal', {collectiveId: collective, month, oldSize: String(old || 0)})

const begin = async () => {
  if (!globalThis.crypto?.subtle) return say('warn', '这个网址不是 https,浏览器不肯签。请用下面的程序。', 'This address is not https, and the browser does not sign here. Use the program below.')
  const v = await import(box.dataset.verifier)
  const show = async () => {
    const key = await keys.get('')
    at('make-key').hidden = !!key
    at('have-key').hidden = !key
    at('my-key').textContent = key?.vkey ?? ''
    return key
  }
  const known = async origin => (await signedHeads.get(origin)) || (await seen.get(origin))
  at('make-key').onsubmit = async e => {
    e.preventDefault()
    at('cosign-says').replaceChildren()
    try {
      await keys.put('', await v.newWitness(at('key-name').value.trim()))
      await navigator.storage?.persist?.()
      await show()
      at('my-key').focus()
    } catch (e) { trouble(e) }
  }
  const trouble = e => {
    const name = e.name === 'NotSupportedError' ? 'new' : e.message
    say('bad', ...({
      old: ['您签过更后面的月份,不再往回签:没有签。', 'You signed a later head and do not sign backwards: not signed.'],
      proof: ['这与您签过的不符:没有签。两份签名的根都留在这台浏览器里作证据,请告诉别的见证人和乡镇。',
        'It does not continue what you signed before: not signed. Both signed heads are kept in this browser as evidence; tell the other witnesses and the township.'],
      key: ['签名或公钥不对:没有签。', 'A signature or a key is wrong: not signed.'],
      form: ['服务器给的不合格式:没有签。', 'What the server sent is not in its form: not signed.'],
      root: ['服务器给的根和这一页上的不一样:没有签。请刷新再看。', 'The root that the server sent is not the one on this page: not signed. Load the page again.'],
      vkey: ['账簿的公钥换了:没有签。请先向监督委员会查问。', 'The key of the log is another one than before: not signed. Ask the supervisory committee first.'],
      new: ['这个浏览器太旧,不会签。请用较新的(2025 年以后),或用下面的程序。', 'This browser is too old to sign. Use a newer one (of 2025 or later), or the program below.'],
    }[name] || ['没有签:' + e.message, 'Not signed: ' + e.message]))
  }
  const form = at('sign-month') // none where no policy judges this month
  if (form) form.onsubmit = async e => {
    e.preventDefault()
    at('cosign-says').replaceChildren()
    const button = form.querySelector('button')
    button.disabled = true
    try {
      const first = await ask(), {origin} = v.parseNote(first.note), old = await signedHeads.get(origin), past = await seen.get(origin)
      if (past && past.vkey !== first.verifierKey) throw Error('vkey')
      if (old?.size > BigInt(size)) throw Error('old')
      const asked = v.parseProof((await ask(old?.size)).request), head = await v.openNote(asked.note, first.verifierKey)
      if (String(head.size) !== size || v.hex(head.root) !== root) throw Error('root')
      const line = await v.cosign(await keys.get(''), signedHeads, head, async () => asked.hashes)
      if (!past) await seen.put(origin, {note: head.note, size: head.size, root: head.root, vkey: first.verifierKey}, past)
      say('good', `已签前 ${head.size} 笔。`, `Signed at ${head.size} events.`)
      const kept = Object.assign(document.createElement('textarea'), {id: 'signature-line', readOnly: true, value: line, rows: 3})
      const label = Object.assign(document.createElement('label'), {htmlFor: kept.id, textContent: english ? 'Signature line' : '签名行'})
      try {
        const answer = await call('SubmitCosignature', {collectiveId: collective, note: head.note + line})
        say('good', answer.added ? '服务器收下了您的签名。' : '服务器已经有您这个月的签名。', answer.added ? 'The server has taken your signature.' : 'The server has your signature of this month already.')
      } catch (e) {
        say('warn', '服务器没有收:' + e.message + ' 签名行请交给会计。', 'The server did not take it: ' + e.message + ' Give the signature line to the treasurer.')
      }
      at('cosign-says').append(label, kept)
    } catch (e) { trouble(e) } finally { button.disabled = false }
  }
  box.hidden = false
  await show()
  if (form) {
    const {origin} = v.parseNote((await ask()).note)
    at('first').hidden = at('first-seen').disabled = !!await known(origin)
    at('first-seen').required = !at('first').hidden
  }
  box.dataset.ready = ''
}
begin().catch(() => {
  box.hidden = false
  say('warn', '这台浏览器存不下钥匙(无痕窗口?),不能在这里签。', 'This browser cannot keep a key (a private window?), and cannot sign here.')
})
