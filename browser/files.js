// A published log as a browser fetches it: dir is its directory, from where the page lies. A file that is not there is undefined.
const file = async path => {
 const r = await fetch(path, {cache: 'no-store'})
 if (r.status === 404) return
 if (!r.ok) throw Error(`${path}: ${r.status}`)
 return new Uint8Array(await r.arrayBuffer())
}
class NoTiles extends Error {}
const tileOf = dir => async path => {
 const whole = path.split('.p/')[0]
 const b = await file(`${dir}/${path}`) || await file(`${dir}/${whole}`) // a partial tile is gone once the full one is there
 if (!b) throw new NoTiles(path)
 return b
}
const open = async (dir, name = 'checkpoint') => {
 const [note, key] = [await file(`${dir}/${name}`), await file(`${dir}/vkey`)]
 if (!note || !key) throw Error(`${dir}/${note ? 'vkey' : name} 不在这里 is not here`)
 return {...await openNote(note, text(key).trimEnd()), vkey: text(key).trimEnd()}
}

// compare says whether head continues what was known: good, bad, or unknown where there are no tiles to tell by.
const compare = async (dir, old, head) => {
 if (old.size > head.size) return 'shorter'
 try {
  await checkConsistency(old, head, old.size === head.size ? [] : await prover(head.size, tileOf(dir))(old.size, head.size))
  return 'good'
 } catch (e) {
  return e instanceof NoTiles ? 'unknown' : 'bad'
 }
}
