// Flips every bit of texts that the vectors call good, and counts what becomes of them.
import {readFileSync} from 'node:fs'
globalThis.crypto ??= (await import('node:crypto')).webcrypto // Node 18
const m = await import('../mingzhang.js')
const vectors = file => JSON.parse(readFileSync(`${process.argv[2]}/${file}.json`)).filter(v => v.ok)
const says = x => JSON.stringify(x, (_, v) => typeof v === 'bigint' ? `${v}` : v)

const head = n => [n.origin, n.size, m.hex(n.root)]
const pick = (file, op, name) => vectors(file).find(v => v.op === op && v.name === name)
const note = pick('note', 'note', 'signed and cosigned'), cosigned = pick('cosignature', 'cosignature', 'seat-1')
const judged = pick('policy', 'judge', 'three of five'), policy = await m.parsePolicy(judged.text)
const inclusion = pick('proof', 'tlog-proof', 'with extra'), consistency = pick('proof', 'add-checkpoint', '100 in 172')
const seat = await m.parseKey(cosigned.key), good = m.parseProof(inclusion.text), old = m.parseProof(consistency.text)
const leaf = await m.leafHash(good.origin, 'income_recorded', new Uint8Array([0, 0, 0, 0, 0, 0, 0, 3]))
const same = await m.leafHash(good.origin, 'income_recorded', new TextEncoder().encode('same'))
const oldRoot = await m.rootOf(Array.from({length: 100}, (_, i) => i === 3 ? leaf : same))

// What a text is made to say; it throws where the text is refused.
const cases = {
 note: [note.text, async x => head(await m.openNote(x, note.key))],
 cosignature: [cosigned.text, async x => {
  const n = m.parseNote(x), time = await m.verify(n, seat)
  if (time === undefined) throw Error('not signed')
  return [head(n), time]
 }],
 judge: [judged.note, async x => {
  const n = m.parseNote(x)
  if (!(await policy(n, BigInt(judged.now))).ok) throw Error('not enough')
  return head(n)
 }],
 inclusion: [inclusion.text, async x => {
  const p = m.parseProof(x)
  if (p.old) throw Error('another kind')
  await m.openNote(p.note, note.key)
  await m.checkInclusion(leaf, p.number, p, p.hashes)
  return [head(p), p.number, p.hashes.map(m.hex)]
 }],
 consistency: [consistency.text, async x => {
  const p = m.parseProof(x)
  if (!p.old) throw Error('another kind')
  await m.openNote(p.note, note.key)
  await m.checkConsistency({size: p.number, root: oldRoot}, p, p.hashes)
  return [head(p), p.number, p.hashes.map(m.hex)]
 }],
}
let flips = 0, equal = 0
const wrong = []
for (const [name, [text, f]] of Object.entries(cases)) {
 const bytes = new TextEncoder().encode(text), want = says(await f(bytes))
 for (let bit = 0; bit < bytes.length * 8; bit++) {
  const changed = bytes.slice()
  changed[bit >> 3] ^= 1 << (bit & 7)
  flips++
  await f(changed).then(x => says(x) === want ? equal++ : wrong.push(`${name}: bit ${bit}: ${says(x)}`), () => {})
 }
}
console.log(JSON.stringify({Flips: flips, Same: equal, Wrong: wrong.slice(0, 9)}))
