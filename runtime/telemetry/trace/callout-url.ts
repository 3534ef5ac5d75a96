import { textsUnseen } from '../../core/labels/hide.ts'
import type { LabelMap } from '../../core/labels/label-map.ts'
import { createHideText, hidden } from '../../core/secrets/secret-forms.ts'
import type { CalloutNote } from './run-notes.ts'

/**
 * The URL of a callout for people who look on: without what may be labelled in the message that came to its node, released or not. Where the
 * message was not kept nobody knows what of it stands in the URL, which is then its origin alone.
 */
export function calloutUrl({ url, step }: Pick<CalloutNote, 'url' | 'step'>, labels: LabelMap | undefined): string {
  if (!labels || labels.unseen.isEmpty) return url
  const origin = /^[^/?#]*\/\/[^/?#]*/.exec(url)?.[0] ?? ''
  if (!step?.message) return origin + (url.length > origin.length ? `/${hidden}` : '')
  const texts = textsUnseen(step.message, labels)
  const whole = new Set(texts)
  const hide = createHideText(texts)
  // A text that is too short to be looked for everywhere is found where it is all that stands between two marks.
  const rest = url.slice(origin.length).replaceAll(/[^/?#&=;,]+/g, (part) => (whole.has(decode(part)) ? hidden : part))
  return origin + (hide ? hide(rest) : rest)
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part.replaceAll('+', ' '))
  } catch {
    return part
  }
}
