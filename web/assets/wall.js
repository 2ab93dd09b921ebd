// The screen on the wall: the next scene takes the place of this one, and the page stays. While the server is away the last figures stay too,
// with their age in amber; as soon as it answers again the screen goes on. Without script the page leads to the next scene by itself.
const main = () => document.querySelector('main')
const pause = Number(main().dataset.seconds) * 1000
let answered = Date.now()

const showAge = () => {
  const stale = document.querySelector('.stale'), minutes = Math.floor((Date.now() - answered) / 60000)
  stale.hidden = Date.now() - answered < 2.5 * pause
  stale.textContent = stale.dataset.text.replace('{}', Math.max(1, minutes))
}

const turn = async () => {
  const end = new AbortController(), late = setTimeout(() => end.abort(), 0.8 * pause)
  try {
    const answer = await fetch(main().dataset.next, {cache: 'no-store', signal: end.signal})
    if (!answer.ok) throw new Error(answer.status)
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html'), next = page.querySelector('main')
    const style = d => d.querySelector('link[rel=stylesheet]').getAttribute('href')
    if (style(page) !== style(document)) return location.reload() // another version of the program
    main().replaceWith(next)
    answered = Date.now()
  } catch {
    // showAge says it
  } finally {
    clearTimeout(late)
    showAge()
  }
}
setInterval(turn, pause)
