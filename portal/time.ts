import { html, type Html } from './html.ts'
import type { Language } from './web/language.ts'

/** A moment as people read it. The page's script shows it in the reader's own zone; without it, in UTC. */
export function toTime(iso: string, language: Language): Html {
  const text = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' }).format(new Date(iso))
  return html`<time datetime="${iso}">${text} UTC</time>`
}
