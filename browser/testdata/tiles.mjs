// Proves events of a log and what it was before from the tiles that a server has, and counts the bytes of them.
globalThis.crypto ??= (await import('node:crypto')).webcrypto // Node 18
const m = await import('../mingzhang.js')
const [url, query] = process.argv.slice(2), {size, root, events, olds} = JSON.parse(query)
const unhex = s => Uint8Array.from(Buffer.from(s, 'hex'))
let most = 0
const head = {size: BigInt(size), root: unhex(root)}
const counted = async (m_, end) => {
 let bytes = 0
 const prove = m.prover(head.size, async path => {
  const r = await fetch(url + path)
  if (!r.ok) throw Error(path)
  const b = new Uint8Array(await r.arrayBuffer())
  bytes += b.length
  return b
 })
 const proof = await prove(m_, head.size, end)
 most = Math.max(most, bytes)
 return proof
}
for (const {index, leaf} of events) await m.checkInclusion(unhex(leaf), BigInt(index), head, await counted(BigInt(index) + 1n, 0))
for (const o of olds) await m.checkConsistency({size: BigInt(o.size), root: unhex(o.root)}, head, await counted(BigInt(o.size)))
console.log(JSON.stringify({most}))
