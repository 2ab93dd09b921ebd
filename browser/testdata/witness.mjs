// A witness at work: what it signs is printed for Go to check, and what it must refuse is tried.
globalThis.crypto ??= (await import('node:crypto')).webcrypto // Node 18
const m = await import('../mingzhang.js')
const {key, notes, forks, proofs, time} = JSON.parse(process.argv[2])
const must = (ok, why) => { if (!ok) throw Error(why) }
const refused = (f, why) => f.then(() => { throw Error('not refused: ' + why) }, e => e)

const witness = await m.newWitness('seat-1')
must(!witness.key.extractable, 'the key can be read out')
await refused(crypto.subtle.exportKey('pkcs8', witness.key), 'export of the key')

const kept = new Map(), puts = []
let broken = false
const store = {
 get: async k => kept.get(k),
 put: async (k, v, old) => {
  must(!broken, 'no room')
  if (!k.startsWith('fork ')) must(kept.get(k)?.note === old?.note, 'changed by another')
  puts.push(k)
  kept.set(k, v)
 },
}
const prove = async (old, size) => proofs[`${old}-${size}`].map(h => Uint8Array.from(Buffer.from(h, 'hex')))
const open = i => m.openNote(notes[i], key)
const lines = []
for (const i of [0, 1, 1, 2]) {
 const head = await open(i)
 // The memory comes first: a witness that cannot write signs nothing.
 broken = true
 await refused(m.cosign(witness, store, head, prove, BigInt(time)), 'signing without memory')
 broken = false
 const before = puts.length, line = await m.cosign(witness, store, head, prove, BigInt(time))
 must(puts.length === before + 1 && kept.get(head.origin).size === head.size, 'not remembered')
 lines.push(line)
}
// A head of before, one of the same size, one that continues another history: both notes are kept.
must((await refused(m.cosign(witness, store, await open(1), prove), 'a head of before')).message === 'old', 'another reason')
must(!kept.has('fork ' + (await open(0)).origin), 'evidence against nobody')
for (const fork of forks) {
 const head = await m.openNote(fork, key)
 await refused(m.cosign(witness, store, head, prove), 'a fork')
 const [first, second] = kept.get('fork ' + head.origin)
 must(first === notes[2] && second === fork, 'evidence')
 must(kept.get(head.origin).note === notes[2], 'the fork is remembered')
}
// Two pages at once: the one that comes second signs nothing.
const late = {get: async () => ({...await open(0)}), put: store.put}
await refused(m.cosign(witness, late, await open(2), prove), 'another page was first')
console.log(JSON.stringify({key: witness.vkey, lines}))
