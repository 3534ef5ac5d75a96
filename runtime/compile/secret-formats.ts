/** A kind of secret that is known by how it looks. */
interface SecretFormat {
  /** Said in problems: with its article, without what it opens. */
  readonly kind: string
  readonly pattern: RegExp
  /** Which part of what was found is the secret; absent: the whole. */
  readonly group?: number
  /** Whether what was found is one after all. */
  readonly holds?: (found: string) => boolean
}

/**
 * How secrets of well-known services look, as their makers document it. Each pattern begins with what is fixed in it or at the edge of a
 * word and is bounded, so that a long text is gone through once.
 */
const formats: readonly SecretFormat[] = [
  { kind: 'a private key', pattern: /-----BEGIN (?:[A-Z0-9]{1,12} ){0,2}PRIVATE KEY(?: BLOCK)?-----[\\\s"'`A-Za-z0-9+/=:,-]{0,200}?[A-Za-z0-9+/]{32}/g },
  { kind: 'an age key', pattern: /\bAGE-SECRET-KEY-1[0-9A-Z]{58}\b/g },
  { kind: 'an AWS access key', pattern: /\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b/g },
  { kind: 'an AWS secret key', pattern: /\baws.{0,20}?secret.{0,20}?["'\s:=]{1,8}([A-Za-z0-9+/]{40})(?![A-Za-z0-9+/=])/gi, group: 1 },
  { kind: 'a Google API key', pattern: /\bAIza[\w-]{35}(?![\w-])/g },
  { kind: 'a Google client secret', pattern: /\bGOCSPX-[\w-]{28}(?![\w-])/g },
  { kind: 'a Google access token', pattern: /\bya29\.[\w-]{30,2000}/g },
  { kind: 'an Azure account key', pattern: /\b(?:AccountKey|SharedAccessKey)=([A-Za-z0-9+/]{43,86}={1,2})/g, group: 1 },
  { kind: 'an Azure client secret', pattern: /(?<![\w~.-])[\w~.-]{3}\dQ~[\w~.-]{31,34}(?![\w~.-])/g },
  { kind: 'an Azure access signature', pattern: /[?&]sig=((?:[A-Za-z0-9+/]|%2[BbFf]){40,60}(?:=|%3[Dd]))/g, group: 1 },
  { kind: 'a GitHub token', pattern: /\b(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_\w{40,255})\b/g },
  { kind: 'a GitLab token', pattern: /\bgl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|oas|soat|ffct)-[\w-]{20,300}/g },
  { kind: 'a Slack token', pattern: /\b(?:xox[abeoprs]|xapp)-[\w-]{10,250}/g },
  { kind: 'a Slack webhook', pattern: /\bhooks\.slack\.com\/(?:services|workflows|triggers)\/([\w/]{20,200})/g, group: 1 },
  { kind: 'a Discord webhook', pattern: /\bdiscord(?:app)?\.com\/api\/webhooks\/\d{5,30}\/([\w-]{50,100})/g, group: 1 },
  { kind: 'a Telegram bot token', pattern: /(?<![\w:])\d{8,10}:AA[\w-]{33}(?![\w-])/g },
  { kind: 'a Stripe key', pattern: /\b(?:[sr]k_(?:live|test)_[A-Za-z0-9]{16,250}|whsec_[A-Za-z0-9+/=]{32,100})/g },
  { kind: 'a Square token', pattern: /\b(?:sq0(?:atp|csp|idp)-[\w-]{22,43}|EAAA[\w-]{60})(?![\w-])/g },
  { kind: 'a Shopify token', pattern: /\bshp(?:at|ss|ca|pa)_[0-9a-fA-F]{32}\b/g },
  { kind: 'an npm token', pattern: /\bnpm_[A-Za-z0-9]{36}\b/g },
  { kind: 'a PyPI token', pattern: /\bpypi-AgE[\w-]{50,300}/g },
  { kind: 'a Docker token', pattern: /\bdckr_(?:pat|oat)_[\w-]{27,64}/g },
  { kind: 'a SendGrid key', pattern: /\bSG\.[\w-]{22}\.[\w-]{43}(?![\w-])/g },
  { kind: 'a Mailgun key', pattern: /\bkey-[0-9a-f]{32}\b/g },
  { kind: 'a Twilio key', pattern: /\bSK[0-9a-f]{32}\b/g },
  { kind: 'an API key of a language model', pattern: /\bsk-(?:ant-|proj-|svcacct-)?[A-Za-z0-9][\w-]{30,250}/g },
  { kind: 'a Hugging Face token', pattern: /\bhf_[A-Za-z]{34}\b/g },
  { kind: 'a DigitalOcean token', pattern: /\bdo[opr]_v1_[0-9a-f]{64}\b/g },
  { kind: 'a Databricks token', pattern: /\bdapi[0-9a-f]{32}\b/g },
  { kind: 'a HashiCorp token', pattern: /\bhv[sbr]\.[\w-]{24,300}/g },
  { kind: 'an Atlassian token', pattern: /\bATATT3x[\w=-]{100,300}/g },
  { kind: 'a New Relic key', pattern: /\bNRAK-[A-Z0-9]{27}\b/g },
  { kind: 'a Grafana token', pattern: /\bglsa_[A-Za-z0-9]{32}_[0-9a-f]{8}\b/g },
  { kind: 'a Postman key', pattern: /\bPMAK-[0-9a-f]{24}-[0-9a-f]{34}\b/g },
  { kind: 'a Sluice key', pattern: /\bslk_[\w-]{12}\.[\w-]{20,100}/g },
  { kind: 'a JSON Web Token', pattern: /\beyJ[\w-]{10,2000}\.eyJ[\w-]{10,8000}\.[\w-]{10,2000}/g, holds: isJwt },
  { kind: 'a password in a URL', pattern: /\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s/?#:@'"`<>{}$]{0,200}:([^\s/?#@'"`<>{}$]{3,200})@[\w[]/gi, group: 1, holds: (found) => !isPlaceholder(found) },
  { kind: 'a user name with its password', pattern: /\bBasic\s{1,3}([A-Za-z0-9+/]{8,1000}={0,2})(?![\w+/=])/g, group: 1, holds: isBasic },
  { kind: 'a bearer token', pattern: /\bBearer\s{1,3}([\w.~+/-]{16,4000}={0,2})/g, group: 1, holds: (found) => looksRandom(found, 20) },
]

/** All of them at once, for short texts: most hold none, and are looked at once. */
const anyFormat = new RegExp(formats.map(({ pattern }) => `(?:${pattern.source})`).join('|'), 'i')
const shortText = 2000
const shortestSecret = 10

/** The first secret of a known format in a text: what kind it is. Never the secret. */
export function secretKindIn(text: string): string | undefined {
  if (text.length < shortestSecret || (text.length < shortText && !anyFormat.test(text))) return undefined
  for (const { kind, pattern, group, holds } of formats) {
    for (const match of text.matchAll(pattern)) {
      const found = match[group ?? 0] as string
      if (!isExample(found) && (holds?.(found) ?? true)) return kind
    }
  }
  return undefined
}

/** Names of fields, headers and variables that hold a secret, by how they end. */
const secretName = /(?:^|[^a-z])(?:pwd|pass)$|passw(?:or)?d$|passphrase$|secret$|credentials?$|token$|(?:api|access|private|secret|signing|encryption|shared|master|auth|account|subscription|client|license|service|hmac|sas|functions?)[-_. ]?key$|^(?:proxy-)?authorization$|^x-auth$/i

/** Whether something goes by a name that secrets go by. */
export function isSecretName(name: string): boolean {
  return name.length <= 100 && secretName.test(name)
}

/** Whether a text, in a place that is named like a secret, is one: by its randomness, as words, paths and references are not. */
export function looksSecret(text: string): boolean {
  // `Token …`, as a header says of what kind it is.
  const bare = text.replace(/^[a-z][\w-]{1,20} (?=\S+$)/i, '')
  return text.length <= 4096 && !isPlaceholder(text) && !isPlaceholder(bare) && looksRandom(bare, 12)
}

/** One text that gives another a name: `apiKey: "…"`, `password = '…'`, `"X-Api-Key": "…"`. */
const assignment = /(?<![\w-])([\w-]{0,40}(?:passw(?:or)?d|passphrase|secret|token|key|authorization|credentials?))(?:"|'|`|\\")?\]?\s{0,4}(?:=>|[:=])\s{0,4}(?:\\"|["'`])((?:[a-z][\w-]{1,20} )?[^\s"'`\\]{12,500})(?:\\"|["'`])/gi
/** The same in a URL or a form: `?api_key=…`, `client_secret=…&`. */
const pair = /(?:^|[?&\s"'`])([\w.-]{0,40}(?:passw(?:or)?d|passphrase|secret|token|key|credentials?))=([\w.~%+/-]{12,500}={0,2})(?=[&\s"'`<#;,\\]|$)/gi
/** The same in XML: `<wsse:Password Type="…">…</`. */
const element = /<(?:[\w-]{1,40}:)?([\w.-]{0,40}(?:passw(?:or)?d|passphrase|secret|token|key))(?:\s[^<>]{0,200})?>\s{0,4}([^<>\s]{12,500})\s{0,4}<\//gi

/** A name in a text (code, JSON, a template) whose value beside it is a secret; `undefined`: there is none. */
export function namedSecretIn(text: string): string | undefined {
  for (const form of [assignment, pair, element]) for (const [, name, value] of text.matchAll(form)) if (isSecretName(name as string) && looksSecret(value as string)) return name
  return undefined
}

/** Printable ASCII without blanks, of several kinds of characters that come in no order. */
function looksRandom(text: string, shortest: number): boolean {
  if (text.length < shortest || !/^[\x21-\x7e]+$/.test(text)) return false
  if (/^[a-z_$][\w$-]*(?:(?:\.|\[["']?)[\w$-]+["']?\]?)+$/i.test(text) && !/\.[\w-]{20,}|[\w-]{20,}\./.test(text)) return false // a path: req.headers.authorization
  if (/^(?:[a-z][a-z0-9+.-]*:)?\/\//i.test(text) || /^\.{0,2}\//.test(text)) return false
  const letters = /[a-z]/i.test(text)
  const digits = (text.match(/\d/g) ?? []).length
  if (!letters || digits === 0) return false
  // Words, perhaps numbered, are no secrets: client-secret-2, orders_v2, TokenEndpoint2.
  if (text.split(/[-_.:/]+|(?<=[a-z])(?=[A-Z])/).every((part) => /^(?:[A-Za-z][a-z]{2,}|[A-Z]{2,}|v)?\d{0,4}$/.test(part))) return false
  return entropyOf(text) >= (/^[0-9a-f-]+$/i.test(text) ? 2.8 : 3.1)
}

/** Shannon entropy, bits per character. */
function entropyOf(text: string): number {
  const counts = new Map<string, number>()
  for (const sign of text) counts.set(sign, (counts.get(sign) ?? 0) + 1)
  let bits = 0
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length)
  return bits
}

/** Examples of documents: of few characters, or they say so themselves. */
function isExample(text: string): boolean {
  return /example|xxxx|0{10}|\.\.\.|placeholder/i.test(text) || new Set(text).size < 5
}

/** What stands for a secret and is none. */
function isPlaceholder(text: string): boolean {
  return /\$\{|\$\(|\{\{|^[<[{*].*[>\]}*]$|^%[^%]+%$|^\$\w+$|^(.)\1*$/.test(text) || /example|change[-_]?me|placeholder|your[-_]|dummy|^(?:pass(?:word)?|secret|pwd|token|test|user|admin|key)\d{0,4}$/i.test(text) || isExample(text.padEnd(5, 'abcde'))
}

function isBasic(found: string): boolean {
  const plain = Buffer.from(found, 'base64').toString('latin1')
  const colon = plain.indexOf(':')
  return colon >= 0 && /^[\x20-\x7e]+$/.test(plain) && plain.length - colon > 3 && !isPlaceholder(plain.slice(colon + 1))
}

function isJwt(found: string): boolean {
  try {
    const header: unknown = JSON.parse(Buffer.from(found.slice(0, found.indexOf('.')), 'base64url').toString('utf8'))
    return typeof (header as { alg?: unknown }).alg === 'string'
  } catch {
    return false
  }
}
