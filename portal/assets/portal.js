// Makes pages nicer; everything works without it.
const language = document.documentElement.lang

// Times in the reader's own zone.
function showTimes(part) {
  for (const time of part.querySelectorAll('time[datetime]')) {
    const date = new Date(time.dateTime)
    if (!Number.isNaN(date.getTime())) time.textContent = date.toLocaleString(language, { dateStyle: 'medium', timeStyle: 'short' })
  }
}
showTimes(document)

document.addEventListener('click', async (event) => {
  const button = event.target.closest('[data-copy]')
  if (!button) return
  await navigator.clipboard.writeText(button.dataset.copy)
  const label = button.textContent
  button.textContent = button.dataset.copied
  setTimeout(() => (button.textContent = label), 1500)
})

// A file is read into a field, where it can be looked at and changed.
for (const input of document.querySelectorAll('input[type=file][data-into]')) {
  input.addEventListener('change', async () => {
    const [file] = input.files
    if (file) document.getElementById(input.dataset.into).value = await file.text()
  })
}

// A form is sent once, however often its button is pressed.
document.addEventListener('submit', (event) => {
  if (event.target.dataset.sent) return event.preventDefault()
  event.target.dataset.sent = 'yes'
})
addEventListener('pageshow', () => {
  for (const form of document.forms) delete form.dataset.sent
})

// What changes by itself is fetched anew now and then, while somebody looks and types nothing there.
for (const part of document.querySelectorAll('[data-refresh]')) {
  setInterval(async () => {
    if (document.hidden || part.contains(document.activeElement)) return
    const answer = await fetch(location.href, { headers: { accept: 'text/html' } }).catch(() => undefined)
    if (!answer?.ok || answer.redirected) return
    const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html').getElementById(part.id)
    if (!fresh || part.contains(document.activeElement)) return
    showTimes(fresh)
    part.replaceChildren(...fresh.childNodes)
  }, Number(part.dataset.refresh))
}

// Where the row of tabs is longer than the window, the one that is open is in sight.
const openTab = document.querySelector('.tabs [aria-current]')
if (openTab) openTab.closest('ul').scrollLeft = openTab.offsetLeft + openTab.offsetWidth - openTab.closest('ul').clientWidth

// A ledger is read part by part, so that whoever waits sees how far it is. The last part is open: it holds the end against what control knows of it.
const sayings = JSON.parse(document.querySelector('[data-sayings]')?.dataset.sayings ?? '{}') // of readers who read no English
for (const form of document.querySelectorAll('form[data-verify]')) {
  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    delete form.dataset.sent
    const { verify, good, bad, going, failed } = form.dataset
    const [button, output] = [form.querySelector('button'), form.querySelector('output')]
    const [all, step] = [Number(form.dataset.entries), Number(form.dataset.step)]
    const fill = (text, blanks) => text.replace(/\{(\w+)\}/g, (whole, name) => blanks[name] ?? whole)
    const say = (kind, text) => {
      output.className = kind
      output.textContent = text
    }
    button.disabled = true
    try {
      const noted = new Map()
      const sum = { from: all > 0 ? 1 : 0, to: 0, periods: 0, receipts: 0 }
      for (let first = 1; ; first = sum.to + 1) {
        const last = first + step - 1
        say('', fill(going, { done: sum.to, all }))
        const query = all <= step ? '' : last < all ? `?from=${first}&to=${last}` : `?from=${first}`
        const answer = await fetch(verify + query, { headers: { accept: 'application/json' } })
        if (!answer.ok) throw new Error(String(answer.status))
        const { to, periods, receipts, flaw, remarks = [] } = await answer.json()
        if (flaw) {
          const reason = fill(sayings[flaw.code] ?? flaw.reason, flaw.facts)
          const remedy = sayings[`remedy.${flaw.kind}`] ?? sayings.remedy ?? flaw.remedy
          return say('bad', fill(bad, { reason, remedy, number: flaw.last > flaw.number ? `${flaw.number}–${flaw.last}` : flaw.number }))
        }
        for (const { code, facts, text } of remarks) noted.set(code, noted.get(code) ?? fill(sayings[code] ?? text, facts))
        Object.assign(sum, { to: Math.max(sum.to, to), periods: sum.periods + periods, receipts })
        if (!query.includes('to=')) break
      }
      say('good', [fill(good, sum), ...noted.values()].join(' '))
    } catch {
      say('bad', failed)
    } finally {
      button.disabled = false
    }
  })
}
