// Checks the log of this collective in the visitor's browser. Package browser stands in front of this file (assets.go).
const form = document.querySelector('form.verify')
const say = (zh, en) => form.dataset.lang === 'en' ? en : zh
const line = (tag, className, words) => Object.assign(document.createElement(tag), {className, textContent: words})
const show = (state, title, ...lines) => {
 const box = line('div', 'notice ' + {good: 'good', bad: 'bad'}[state], '')
 box.append(line('p', 'verdict', title), ...lines.map(words => line('p', '', words)))
 document.getElementById('verdict').replaceChildren(box)
 document.getElementById('verdict').dataset.state = state
}
const keep = say('请留着海报或它的照片，拿给监督委员会、乡镇或审计看。', 'Keep the poster or a photograph of it, and show it to the supervisory committee, the township or an auditor.')
const events = n => say(`${n} 笔`, `${n} events`)

// pinOf reads a pin as posters print it, origin#SIZE:ROOT, or without the origin.
const pinOf = (words, head) => {
 const at = words.lastIndexOf('#')
 if (at >= 0 && words.slice(0, at) !== head.origin) throw Error(say('这个印记是另一本账的：', 'This pin is of another log: ') + words.slice(0, at))
 try {
  return parsePin(words.slice(at + 1))
 } catch {
  throw Error(say('印记写得不对：应是“笔数:根”，照海报上的抄。', 'This is no pin: it is SIZE:ROOT, as the poster has it.'))
 }
}

const check = async () => {
 const dir = form.dataset.log.replace(/\/$/, ''), words = form.pin.value.trim()
 const head = await open(dir), signed = say(`现在有 ${events(head.size)},账簿的签名对。`, `There are ${events(head.size)} now, and the signature of the log is right.`)
 if (!words) return show('good', say('签名对', 'The signature is right'), signed, say('填上海报上的印记，才能知道以前的有没有改过。', 'Enter the pin of a poster to know whether anything was changed since.'))
 const pin = pinOf(words, head), is = await compare(dir, pin, head)
 if (is === 'good') return show('good', say('相符：没有改过', 'They fit: nothing was changed'), say(`印记里的 ${events(pin.size)}都在，一个字没有变。`, `The ${events(pin.size)} of the pin are all there, to the letter.`), signed)
 if (is === 'shorter') return show('bad', say('不符：少了', 'They do not fit: events are missing'), say(`印记里有 ${events(pin.size)},现在只有 ${events(head.size)}。`, `The pin has ${events(pin.size)}, and here are only ${events(head.size)}.`), keep)
 if (is === 'bad') return show('bad', say('不符：账簿被改过', 'They do not fit: the books were changed'), keep)
 // The events are for the committee alone. A head that was signed at the size of the pin, as every closed month has one, still tells.
 const then = await open(dir, 'checkpoint.' + pin.size).catch(() => undefined)
 if (then && hex(then.root) !== hex(pin.root)) return show('bad', say('不符：与当时签名的根不同', 'They do not fit: another root was signed at that size'), keep)
 if (then) return show('good', say('与当时签名的根相同', 'It is the root that was signed then'), signed, say('以后有没有改，要请监督委员会逐笔核验。', 'Whether it was changed since is for the committee to check, event by event.'))
 show('unknown', say('这里看不出', 'This page cannot tell'), signed, say('这本账只公开签名的根。请监督委员会用 mingzhang verify 核验这个印记。', 'Only the signed head of this log is public. Ask the committee to check the pin with mingzhang verify.'))
}

const failed = e => {
 const old = !globalThis.crypto?.subtle || e.name === 'NotSupportedError'
 if (old) show('unknown', say('这个浏览器不能核验', 'This browser cannot check'), say('请用 https 打开，并用较新的浏览器。', 'Open the page over https in a newer browser.'))
 else show('bad', say('核验不了', 'It does not verify'), {form: say('文件不合格式。', 'A file is not in its form.'), key: say('签名不对。', 'A signature is wrong.')}[e.message] || e.message)
}
form.onsubmit = e => {
 e.preventDefault()
 show('unknown', say('正在核验……', 'Checking …'))
 check().catch(failed)
}
document.getElementById('check').disabled = false
// The code of a poster leads here with its pin behind #, which is never sent to a server.
if (location.hash.length > 1) {
 form.pin.value = decodeURIComponent(location.hash.slice(1))
 form.requestSubmit()
}
