// Makes pages nicer; everything works without it.
const language = document.documentElement.lang

// Times in the reader's own zone.
for (const time of document.querySelectorAll('time[datetime]')) {
  const date = new Date(time.dateTime)
  if (!Number.isNaN(date.getTime())) time.textContent = date.toLocaleString(language, { dateStyle: 'medium', timeStyle: 'short' })
}

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
    if (fresh && !part.contains(document.activeElement)) part.replaceChildren(...fresh.childNodes)
  }, Number(part.dataset.refresh))
}
