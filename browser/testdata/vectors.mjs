// Says of each vector of a file why it is refused; "" for one that is taken.
import {readFileSync} from 'node:fs'
globalThis.crypto ??= (await import('node:crypto')).webcrypto // Node 18
const m = await import('../mingzhang.js')
const unhex = s => Uint8Array.from(Buffer.from(s || '', 'hex'))
const must = ok => { if (!ok) throw Error('said otherwise') }

const run = {
 inclusion: async v => {
  const leaf = await m.leafHash(v.origin, v.type, Uint8Array.from(Buffer.from(v.data || '', 'base64')))
  await m.checkInclusion(leaf, BigInt(v.number), {size: BigInt(v.size), root: unhex(v.root)}, (v.hashes || []).map(unhex))
 },
 consistency: v => m.checkConsistency({size: BigInt(v.number), root: unhex(v.old_root)}, {size: BigInt(v.size), root: unhex(v.root)}, (v.hashes || []).map(unhex)),
 note: v => m.openNote(v.text, v.key),
 cosignature: async v => must(await m.verify(m.parseNote(v.text), await m.parseKey(v.key)) === BigInt(v.now)),
 policy: v => m.parsePolicy(v.text),
 judge: async v => must((await (await m.parsePolicy(v.text))(m.parseNote(v.note), BigInt(v.now))).ok),
 'tlog-proof': v => must(!m.parseProof(v.text).old),
 'add-checkpoint': v => must(m.parseProof(v.text).old),
 pin: v => {
  const p = m.parsePin(v.text)
  must(`${p.size}` === v.size && m.hex(p.root) === v.root)
 },
}
const said = []
for (const v of JSON.parse(readFileSync(process.argv[2]))) {
 try {
  await run[v.op](v)
  said.push('')
 } catch (e) {
  said.push(`${e.message}` || 'refused')
 }
}
console.log(JSON.stringify(said))
