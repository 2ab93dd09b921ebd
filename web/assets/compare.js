// The two moments as sliders: each moves over the events of the log and asks for the comparison when it is let go.
const form = document.querySelector('form.compare'), last = form.dataset.last
const ends = [...form.querySelectorAll('[data-size]')].map(a => ({value: a.dataset.size, label: a.firstChild.textContent.trim()}))
const list = Object.assign(document.createElement('datalist'), {id: 'ends'})
list.append(...ends.map(e => Object.assign(document.createElement('option'), e)))
form.append(list)
for (const name of ['a', 'b']) {
  const input = form.elements[name], is = document.getElementById(name + '-is')
  const slider = Object.assign(document.createElement('input'), {type: 'range', min: 0, max: last, value: is.dataset.version, className: 'slider'})
  slider.setAttribute('list', 'ends')
  slider.setAttribute('aria-label', form.querySelector(`label[for=${name}]`).textContent)
  slider.addEventListener('input', () => {
    input.value = slider.value
    is.textContent = slider.value
  })
  slider.addEventListener('change', () => form.requestSubmit())
  input.after(slider)
}
