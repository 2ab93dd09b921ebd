// Checks and witnesses logs: docs/verification.md
const S = crypto.subtle, ED = 'Ed25519'
const must = (ok, why = 'form') => { if (!ok) throw Error(why) }
const utf8 = s => new TextEncoder().encode(s)
const cat = (...parts) => Uint8Array.from(parts.flatMap(p => [...p]))
const raw = async p => new Uint8Array(await p)
const sha = (...parts) => raw(S.digest('SHA-256', cat(...parts)))
export const hex = b => [...b].map(x => x.toString(16).padStart(2, 0)).join('')
const unhex = s => Uint8Array.from(s.match(/../g), x => '0x' + x)
export const base64 = b => btoa(String.fromCharCode(...b))
const bytes = s => (must(btoa(atob(s)) === s), Uint8Array.from(atob(s), c => c.charCodeAt()))
const hash = x => x.trim ? hash(bytes(x)) : (must(x.length === 32), x)
const number = s => {
 const n = s.length < 20 && BigInt(s)
 must(`${n}` === s && n >= 0 && n <= 1n << 62n)
 return n
}
const text = x => {
 const b = x.trim ? utf8(x) : x
 must(b.length <= 65536)
 return new TextDecoder('utf-8', {fatal: true, ignoreBOM: true}).decode(b)
}
const isName = s => must(/^[^+\p{C}\p{Z}]+$/u.test(s) && !utf8(s)[255])
export const leafHash = (origin, type, data) => {
 must(/^[a-z0-9_]{1,64}$/.test(type) && data.length)
 return sha([0], utf8(`mingzhang/event@v1\norigin ${origin}\ntype ${type}\n\n`), data)
}
export const nodeHash = (left, right) => sha([1], left, right)
const half = n => 1n << BigInt((n - 1n).toString(2).length - 1)
export const rootOf = async h => {
 const k = Number(half(BigInt(h.length)))
 return h[1] ? nodeHash(await rootOf(h.slice(0, k)), await rootOf(h.slice(k))) : h[0] || sha()
}
// a: root up to node i of 0..n, b: of all
const climb = async (i, n, a, proof, root, old) => {
 let b = hash(a)
 must(i >= 0 && i <= n)
 for (const h of proof.map(hash)) {
  must(n)
  if (i & 1n || i === n) {
   a = await nodeHash(h, a)
   b = await nodeHash(h, b)
   while (i && !(i & 1n)) i >>= 1n, n >>= 1n
  } else b = await nodeHash(b, h)
  i >>= 1n
  n >>= 1n
 }
 must(!n && hex(b) === hex(root) && hex(a) === hex(old || a), 'proof')
}
export const checkInclusion = (leaf, index, {size, root}, proof) => climb(index, size - 1n, leaf, proof, root)
export const checkConsistency = async (old, {size, root}, proof) => {
 let i = old.size - 1n, n = size - 1n
 must(i <= n)
 if (i === n && i > 0) i = n = 0n
 while (i > 0 && i & 1n) i >>= 1n, n >>= 1n
 const [a, ...p] = i ? proof : [old.root, ...proof]
 return climb(i, n, a, p, root, old.root)
}
export const prover = (total, get) => {
 const tiles = {}
 const sub = async (lo, n) => {
  const k = half(n), level = (n.toString(2).length - 1) / 8
  if (n & n - 1n || level % 1) return nodeHash(await sub(lo, k), await sub(lo + k, n - k))
  const i = lo / n, N = `${i >> 8n}`, w = total / n - (i >> 8n << 8n), at = Number(i & 255n) * 32
  const path = `tile/${level}/${('00' + N).slice((N.length + 2) % 3).replace(/...(?=.)/g, 'x$&/')}${w < 256 ? '.p/' + w : ''}`
  return (tiles[path] ??= await get(path)).slice(at, at + 32)
 }
 return async (m, n, end = 1) => {
  const proof = []
  let lo = 0n
  must(m > 0 && m <= n && n <= total)
  while (n !== (end ? m : 1n)) {
   const k = half(n), right = m > k
   proof.unshift(right ? await sub(lo, k) : await sub(lo + k, n - k))
   if (right) m -= k, lo += k, n -= k, end &&= 2
   else n = k
  }
  return end > 1 ? [await sub(lo, n), ...proof] : proof
 }
}
export const parseNote = x => {
 const note = text(x), [origin, size, root, gap, ...lines] = note.split('\n'), sigs = {}
 must(/^[!-*,-~]{1,200}$/.test(origin) && gap === '' && lines.pop() === '' && lines[0] && !lines[32])
 for (const line of lines) {
  const [, name, s] = line.split(' '), b = bytes(s), id = name + '+' + hex(b.slice(0, 4))
  isName(name)
  must(line === `— ${name} ${s}` && b[4] >= 0 && !sigs[id])
  sigs[id] = b.slice(4)
 }
 return {note, text: note.split('\n\n')[0] + '\n', origin, size: number(size), root: hash(root), sigs}
}
const keyID = async (name, b) => name + '+' + hex(await sha(utf8(name + '\n'), b)).slice(0, 8)
export const parseKey = async s => {
 const [name, , ...rest] = s.split('+'), b = bytes(rest.join('+')), id = await keyID(name, b)
 isName(name)
 must(s === id + '+' + base64(b) && b.length === 33 && [1, 4].includes(b[0]))
 return {name, id, alg: b[0], key: b.slice(1)}
}
const timed = (time, s) => utf8(`cosignature/v1\ntime ${time}\n${s}`)
export const verify = async ({text, sigs}, {id, alg, key}) => {
 const s = sigs[id], at = alg > 1 ? 8 : 0
 if (!s) return
 const time = at && new DataView(s.buffer).getBigInt64()
 must(time >= at / 8 && await S.verify(ED, await S.importKey('raw', key, ED, false, ['verify']), s.slice(at), at ? timed(time, text) : utf8(text)), 'key')
 return time
}
export const openNote = async (x, vkey) => {
 const note = parseNote(x), key = await parseKey(vkey)
 must(key.name === note.origin && await verify(note, key) === 0)
 return note
}
export const parsePolicy = async x => {
 const lines = text(x).split('\n'), logs = [], rules = new Map([['none', {m: [], k: 0}]]), seen = new Set(['none'])
 const once = id => must(!seen.has(id) && seen.add(id))
 const key = async (s, alg) => {
  const k = await parseKey(s)
  once(alg + ' ' + hex(k.key))
  must(k.alg === alg)
  return k
 }
 let quorum
 must(lines.pop() === '')
 for (const line of lines) {
  const [word, a, b, ...m] = line.split(/[ \t]/).filter(w => w), n = m.length
  must(!/[\0-\x08\v-\x1f\x7f]/.test(line))
  if (!word || word[0] === '#') continue
  if (word === 'log') must(!n), logs.push(await key(a, 1))
  else if (word === 'quorum') must(!b && !quorum && rules.has(a)), quorum = a
  else {
   let rule
   if (word === 'group') {
    rule = {m, k: b === 'all' ? n : b === 'any' ? 1 : number(b)}
    must(rule.k > 0 && rule.k <= n && m.every(w => rules.has(w)))
    m.map(once)
   } else must(word === 'witness' && n < 2), rule = await key(b, 4)
   must(!rules.has(a))
   rules.set(a, rule)
  }
 }
 must(quorum)
 return async (note, now) => {
  const signed = new Map()
  let log = !logs[0], t
  for (const k of logs) if (k.name === note.origin && await verify(note, k) === 0) log = true
  for (const [name, r] of rules)
   if (r.m ? r.m.filter(w => signed.has(w)).length >= r.k : (t = await verify(note, r)) <= now + 600n) signed.set(name, t)
  return {ok: log && signed.has(quorum), signed}
 }
}
export const parseProof = x => {
 const s = text(x), at = s.indexOf('\n\n'), lines = s.slice(0, at).split('\n'), old = lines[0].startsWith('old ')
 must(at > 0 && (old || lines.shift() === 'c2sp.org/tlog-proof@v1'))
 const extra = !old && lines[0].startsWith('extra ') && bytes(lines.shift().slice(6))
 const line = lines.shift(), n = line.split(' ')[1], p = {...parseNote(s.slice(at + 2)), old, extra, number: number(n), hashes: lines.map(hash)}
 must(line === `${old ? 'old' : 'index'} ${n}` && extra.length !== 0 && !lines[63] && p.number - BigInt(old) < p.size)
 return p
}
export const parsePin = s => {
 const [size, root] = s.split(':')
 must(s === size + ':' + root)
 return {size: number(size), root: /^[\da-f]{64}$/i.test(root) ? unhex(root) :
  hash(root.replace(/-/g, '+').replace(/_/g, '/').replace(/=$/, '') + '=')}
}
export const newWitness = async name => {
 isName(name)
 const k = await S.generateKey(ED, false, ['sign']), b = cat([4], await raw(S.exportKey('raw', k.publicKey))), id = await keyID(name, b)
 return {name, id, vkey: id + '+' + base64(b), key: k.privateKey}
}
export const cosign = async ({name, id, key}, store, head, prove, time = BigInt(Date.now()) / 1000n) => {
 const {note, text, origin, size, root} = head, old = await store.get(origin)
 if (old) {
  must(old.size <= size, 'old')
  const p = await prove(old.size, size)
  try { await checkConsistency(old, head, p) } catch (e) {
   await store.put('fork ' + origin, [old.note, note])
   throw e
  }
 }
 await store.put(origin, {note, size, root}, old)
 const sig = await raw(S.sign(ED, key, timed(time, text)))
 return `— ${name} ${base64(cat(unhex(id.slice(-8) + time.toString(16).padStart(16, 0)), sig))}\n`
}
