import { parseCookie } from 'cookie'

export type Language = 'en' | 'zh-TW'

export const languageCookie = 'sluice-language'

/** The language of a request: what the user chose before, else what the browser prefers, else English. */
export function toLanguage(cookieHeader: string | undefined, acceptLanguage: string | undefined): Language {
  const chosen = parseCookie(cookieHeader ?? '')[languageCookie]
  if (chosen === 'en' || chosen === 'zh-TW') return chosen
  // Preference order as written; quality values are nearly always sent in descending order (RFC 9110 §12.5.4).
  for (const part of (acceptLanguage ?? '').split(',')) {
    const tag = part.split(';')[0]!.trim().toLowerCase()
    if (tag.startsWith('zh')) return 'zh-TW'
    if (tag.startsWith('en')) return 'en'
  }
  return 'en'
}
